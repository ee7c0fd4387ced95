using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Pipeline.Emulation.Kafka;

/// <summary>The reading half of a Confluent Schema Registry's HTTP API, on a free loopback port.</summary>
public sealed class EmbeddedSchemaRegistry : IAsyncDisposable
{
    private const string Json = "application/vnd.schemaregistry.v1+json";

    private readonly WebApplication _web;
    private readonly ConcurrentDictionary<string, string> _answers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _versions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _requests = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<(int Status, string Form, string Body)> _failures = new();
    private readonly string? _authorization;

    private EmbeddedSchemaRegistry(string? username, string? password)
    {
        _authorization = username is null ? null : $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{username}:{password}"))}";
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _web = builder.Build();
        _web.Run(AnswerAsync);
    }

    public Uri Url => new(_web.Urls.Single());

    public static async Task<EmbeddedSchemaRegistry> StartAsync(string? username = null, string? password = null)
    {
        var registry = new EmbeddedSchemaRegistry(username, password);
        await registry._web.StartAsync();
        return registry;
    }

    /// <summary>Registers a schema as a subject's next version, from 1 on.</summary>
    /// <param name="references">Names of types and the subjects whose first versions define them.</param>
    public void Register(int id, string subject, string schema, string? schemaType = null, params ReadOnlySpan<(string Name, string Subject)> references)
    {
        var answer = new Dictionary<string, object> { ["schema"] = schema };
        if (schemaType is not null) answer["schemaType"] = schemaType;
        if (references.Length > 0)
            answer["references"] = references.ToArray().Select(reference => new Dictionary<string, object> { ["name"] = reference.Name, ["subject"] = reference.Subject, ["version"] = 1 });
        _answers[string.Create(CultureInfo.InvariantCulture, $"/schemas/ids/{id}")] = JsonSerializer.Serialize(answer);
        answer["subject"] = subject;
        answer["id"] = id;
        var version = _versions.AddOrUpdate(subject, 1, (_, last) => last + 1);
        answer["version"] = version;
        _answers[string.Create(CultureInfo.InvariantCulture, $"/subjects/{subject}/versions/{version}")] = JsonSerializer.Serialize(answer);
        _answers[$"/subjects/{subject}/versions"] = JsonSerializer.Serialize(Enumerable.Range(1, version));
    }

    /// <summary>The next requests get these status codes, one each.</summary>
    public void FailNext(params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses) AnswerNext(status, Json, """{"error_code":50001,"message":"Error in the backend data store"}""");
    }

    /// <summary>The next request gets this answer, as from a proxy in front of the registry.</summary>
    public void AnswerNext(int status, string form, string body) => _failures.Enqueue((status, form, body));

    /// <summary>How often a schema was asked for.</summary>
    public int RequestsFor(int id) => _requests.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"/schemas/ids/{id}"));

    /// <summary>How often a subject's schema was asked for.</summary>
    public int RequestsFor(string subject) => _requests.GetValueOrDefault($"/subjects/{subject}/versions/1");

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        _requests.AddOrUpdate(path, 1, (_, count) => count + 1);
        var (status, form, body) = _authorization is not null && context.Request.Headers.Authorization != _authorization ? (401, Json, """{"error_code":401,"message":"Unauthorized"}""")
            : _failures.TryDequeue(out var failure) ? failure
            : _answers.TryGetValue(path, out var answer) ? (200, Json, answer)
            : (404, Json, """{"error_code":40403,"message":"Schema not found"}""");
        context.Response.StatusCode = status;
        context.Response.ContentType = form;
        await context.Response.WriteAsync(body, context.RequestAborted);
    }
}
