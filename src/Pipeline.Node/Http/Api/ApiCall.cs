using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Pipeline.Core;
using Pipeline.Node.Http.Access;

namespace Pipeline.Node.Http.Api;

/// <summary>One request that was let in.</summary>
/// <param name="Caller">Null: what it asks for is open, and it shows nothing.</param>
internal sealed record ApiCall(HttpContext Http, ApiEndpoint Endpoint, ApiServices Node, Caller? Caller)
{
    public bool IsLocal => Http.Features.Get<LocalPeer>() is not null;

    /// <summary>Who asked does not wait any more.</summary>
    public CancellationToken Ended => Http.RequestAborted;

    /// <summary>What it says behind the path that nobody knows is told and not passed by.</summary>
    /// <exception cref="PipelineException">It does.</exception>
    public void RequireKnown()
    {
        foreach (var name in Http.Request.Query.Keys)
            if (!Endpoint.Parameters.Any(parameter => !parameter.IsInPath && parameter.Name == name))
                throw Wrong(name, $"{Endpoint.Method} {Endpoint.Path} has no such parameter", Endpoint.Parameters.Where(parameter => !parameter.IsInPath).Select(parameter => parameter.Name).ToList() is { Count: > 0 } known
                    ? $"It has {string.Join(", ", known)}." : "It has none.");
    }

    /// <summary>Null: it does not say.</summary>
    public string? Text(ApiParameter parameter) => parameter.IsInPath ? Uri.UnescapeDataString((string)Http.GetRouteValue(parameter.Name)!)
        : Http.Request.Query.TryGetValue(parameter.Name, out var values) ? values.Count == 1 ? values[0] : throw Wrong(parameter.Name, "it is said more than once", "Say it once.") : null;

    public long Number(ApiParameter parameter) => Text(parameter) is not { } text ? parameter.Default
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= parameter.Min && number <= parameter.Max ? number
        : throw Wrong(parameter.Name, $"'{text}' is no number between {parameter.Min} and {parameter.Max}", "Write one.");

    /// <exception cref="PipelineException">It does not say, or in no way that can be read.</exception>
    public IReadOnlyList<string> Texts(ApiParameter parameter)
    {
        try
        {
            if (Text(parameter) is { } text && JsonSerializer.Deserialize<string?[]>(text) is { Length: > 0 } texts && !texts.Contains(null)) return texts!;
        }
        catch (JsonException e)
        {
            throw Wrong(parameter.Name, $"it is no list of texts: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", "Write a JSON array: [\"1\"].");
        }

        throw Wrong(parameter.Name, "it names no text", "Write a JSON array: [\"1\"].");
    }

    public DateTimeOffset? Time(ApiParameter parameter) => Text(parameter) is not { } text ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : throw Wrong(parameter.Name, $"'{text}' is no time", "Write one as 2026-03-01T06:00:00Z.");

    public TableId? Table(ApiParameter parameter)
    {
        if (Text(parameter) is not { } text) return null;
        try
        {
            return TableId.Parse(text);
        }
        catch (FormatException e)
        {
            throw Wrong(parameter.Name, e.Message.Split('.')[0], "Write bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE, with %2F for / in a path.");
        }
    }

    /// <exception cref="PipelineException">It is no such document.</exception>
    public async Task<T> BodyAsync<T>()
        where T : class
    {
        try
        {
            if (await JsonSerializer.DeserializeAsync<T>(Http.Request.Body, ApiJson.Reading, Ended) is { } body) return body;
        }
        catch (JsonException e)
        {
            throw Wrong("body", $"it cannot be read: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", "Send the document that /v1/openapi.json describes.");
        }

        throw Wrong("body", "there is none", "Send the document that /v1/openapi.json describes.");
    }

    private static PipelineException Wrong(string name, string cause, string nextStep) => new(FaultKind.Invalid, $"'{name}' of this request", cause, nextStep);
}
