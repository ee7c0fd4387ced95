using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>Asks a Schema Registry over HTTP, and again when it falters. For reading threads: calls block.</summary>
internal sealed class SchemaRegistry : IDisposable
{
    private readonly SchemaRegistryOptions _options;
    private readonly ISecretStore _secrets;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    public SchemaRegistry(string source, SchemaRegistryOptions options, ISecretStore secrets, KnownCertificates certificates, TimeProvider time)
    {
        _options = options;
        _secrets = secrets;
        _time = time;
        Thing = $"Source {source}, schema registry {options.Url}";
        var transport = HttpTransport.Create($"source/{source}/registry", certificates);
        // Registries stand behind proxies that send on to where they are.
        transport.AllowAutoRedirect = true;
        _http = new HttpClient(HttpTransport.Worded(transport))
        {
            BaseAddress = options.Url,
            Timeout = options.RequestTimeout,
        };
    }

    public string Thing { get; }

    public void Dispose() => _http.Dispose();

    /// <summary>Null when there is no such schema. Blocks: the reading thread has nothing else to do.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public RegisteredSchema? Get(string path, CancellationToken cancellationToken) => Ask(path, RegisteredSchema.Read, cancellationToken);

    /// <summary>The versions of a subject, the newest first; null when there is no such subject. Blocks.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public IReadOnlyList<int>? VersionsOf(string subject, CancellationToken cancellationToken) => Ask($"{PathOf(subject)}/versions", ReadVersions, cancellationToken);

    /// <summary>Where a subject is.</summary>
    public static string PathOf(string subject) => $"subjects/{Uri.EscapeDataString(subject)}";

    private T? Ask<T>(string path, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
        where T : class =>
        _options.Retry.RunAsync(_time, cancel => AskAsync(path, read, cancel), cancellationToken).GetAwaiter().GetResult();

    private static int[] ReadVersions(ReadOnlyMemory<byte> answer) => [.. (JsonSerializer.Deserialize<int[]>(answer.Span) ?? throw new FormatException("it is null")).OrderDescending()];

    private async ValueTask<T?> AskAsync<T>(string path, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = await AuthorizationAsync(cancellationToken) } };
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken);
            var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => read(body),
                // Whoever stands in front of a registry says the same while it is away, without the registry's own number.
                HttpStatusCode.NotFound when IsRegistrysOwn(body) => null,
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden when response.StatusCode == HttpStatusCode.Unauthorized || IsRegistrysOwn(body) => throw new PipelineException(FaultKind.NotAuthorised, Thing,
                    $"it refused the request ({(int)response.StatusCode})", "Check registry.username and registry.password, and the right to read schemas."),
                var status => throw Unanswered($"it answered {(int)status}{(response.Content.Headers.ContentType?.MediaType is { } form ? $" and {form}" : "")}", inner: null),
            };
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && (e is HttpRequestException or TaskCanceledException or IOException || DataFaults.Are(e)))
        {
            if (TlsFlaw.In(e) is { } flaw) throw new PipelineException(FaultKind.NotAuthorised, Thing, flaw.Cause, $"Of registry.url: {flaw.NextStep}", e);
            throw Unanswered(e is TaskCanceledException ? $"no answer within {_options.RequestTimeout.TotalSeconds:0.#} s"
                : DataFaults.Are(e) ? $"its answer is none of a registry: {DataFaults.Cause(e)}" : DataFaults.Cause(e), e);
        }
    }

    private PipelineException Unanswered(string cause, Exception? inner) =>
        new(FaultKind.Unreachable, Thing, cause, "Check registry.url and the registry's health.", inner);

    /// <summary>A registry says what is wrong by a number of its own.</summary>
    private static bool IsRegistrysOwn(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("error_code", out var code) && code.ValueKind == JsonValueKind.Number;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private async ValueTask<AuthenticationHeaderValue?> AuthorizationAsync(CancellationToken cancellationToken)
    {
        if (_options.Username is null) return null;
        var password = await _secrets.RevealAsync(_options.Password!, cancellationToken);
        return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{_options.Username}:{password}")));
    }
}

/// <param name="Type">Its language: <c>AVRO</c>, <c>PROTOBUF</c> or <c>JSON</c>.</param>
/// <param name="References">What its text calls other schemas, and where in the registry they are.</param>
internal sealed record RegisteredSchema(string Type, string Text, IReadOnlyList<(string Name, string Path)> References)
{
    /// <exception cref="FormatException">It is no answer of a registry.</exception>
    public static RegisteredSchema Read(ReadOnlyMemory<byte> answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            var root = document.RootElement;
            // A registry leaves the type out when it is Avro, and says null where it has nothing to say.
            var type = root.TryGetProperty("schemaType", out var given) ? given.GetString() ?? "AVRO" : "AVRO";
            (string, string)[] references = root.TryGetProperty("references", out var listed) && listed.ValueKind != JsonValueKind.Null
                ? [.. listed.EnumerateArray().Select(Reference)] : [];
            return new RegisteredSchema(type, RequiredText(root, "schema"), references);
        }
        catch (Exception e) when (e is not FormatException && DataFaults.Are(e))
        {
            throw new FormatException(DataFaults.Cause(e), e);
        }
    }

    private static (string Name, string Path) Reference(JsonElement reference) => (RequiredText(reference, "name"),
        $"{SchemaRegistry.PathOf(RequiredText(reference, "subject"))}/versions/{reference.GetProperty("version").GetInt32()}");

    private static string RequiredText(JsonElement body, string name) => body.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");
}
