using Microsoft.AspNetCore.Http;
using Pipeline.Node.Http.Access;

namespace Pipeline.Node.Http.Api;

/// <summary>
/// One thing that can be asked of a node: a row of <see cref="ApiEndpoints.All"/>, from which routing, the OpenAPI document, the page on who may
/// reach what and its tests are made.
/// </summary>
/// <param name="Method">GET answers HEAD too.</param>
/// <param name="Path">With its parameters in braces.</param>
/// <param name="Summary">What it does, as a sentence.</param>
internal sealed record ApiEndpoint(string Method, string Path, ApiAccess Access, string Summary, Func<ApiCall, Task> Handle)
{
    /// <summary>Whether it may change what the pipeline does.</summary>
    public bool Changes { get; init; }

    public IReadOnlyList<ApiParameter> Parameters { get; init; } = [];

    /// <summary>The document that it answers with; null: no JSON, and <see cref="MediaType"/> says what.</summary>
    public Type? Answer { get; init; }

    /// <summary>The document that it is sent; null: none.</summary>
    public Type? Body { get; init; }

    /// <summary>Of an answer that is no document.</summary>
    public string? MediaType { get; init; }

    /// <remarks>Whoever only looks whether a link leads anywhere must not use it up.</remarks>
    public string[] Methods => HttpMethods.IsGet(Method) && Access != ApiAccess.Code ? [HttpMethods.Get, HttpMethods.Head] : [Method];

    /// <summary>Answers with a document, or that it has not changed since the asker saw it.</summary>
    public static ApiEndpoint Get<T>(string path, ApiAccess access, string summary, Func<ApiCall, Task<T>> read, params IReadOnlyList<ApiParameter> parameters)
        where T : class => new(HttpMethods.Get, path, access, summary, async call => await ApiAnswer.WriteAsync(call.Http, await read(call))) { Answer = typeof(T), Parameters = parameters };
}
