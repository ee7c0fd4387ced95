using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Formats;

/// <summary>
/// Asks a Schema Registry what the numbers in records mean. A schema never changes, so each is asked for once; that there
/// is none is believed for a minute. For reading threads: calls block.
/// </summary>
internal sealed class SchemaRegistry : IDisposable
{
    private static readonly TimeSpan AbsenceBelieved = TimeSpan.FromMinutes(1);

    private readonly SchemaRegistryOptions _options;
    private readonly ISecretStore _secrets;
    private readonly TimeProvider _time;
    private readonly string _thing;
    private readonly HttpClient _http;
    private readonly ConcurrentDictionary<int, AvroType> _schemas = [];
    private readonly ConcurrentDictionary<int, (long At, string Reason)> _absent = [];

    public SchemaRegistry(string source, SchemaRegistryOptions options, ISecretStore secrets, TimeProvider time)
    {
        _options = options;
        _secrets = secrets;
        _time = time;
        _thing = $"Source {source}, schema registry {options.Url}";
        _http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            BaseAddress = options.Url,
            Timeout = options.RequestTimeout,
        };
    }

    /// <summary>The schema, or null and why it cannot be used.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public AvroType? Find(int id, out string reason, CancellationToken cancellationToken)
    {
        reason = "";
        if (_schemas.TryGetValue(id, out var known)) return known;
        if (_absent.TryGetValue(id, out var absent) && _time.GetElapsedTime(absent.At) < AbsenceBelieved)
        {
            reason = absent.Reason;
            return null;
        }

        try
        {
            var parser = new AvroSchemaParser();
            return _schemas[id] = Load($"schemas/ids/{id}", parser, depth: 0, cancellationToken);
        }
        catch (FormatException e)
        {
            reason = $"schema {id}: {e.Message.TrimEnd('.')}";
            _absent[id] = (_time.GetTimestamp(), reason);
            return null;
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Reads a schema after those it refers to.</summary>
    /// <exception cref="FormatException">It does not exist or is of no use here.</exception>
    private AvroType Load(string path, AvroSchemaParser parser, int depth, CancellationToken cancellationToken)
    {
        if (depth > 16) throw new FormatException("references go round in a circle");
        using var answer = Get(path, cancellationToken) ?? throw new FormatException("the registry does not have it");
        var root = answer.RootElement;
        if (root.TryGetProperty("schemaType", out var type) && type.GetString() is { } name && name != "AVRO")
            throw new FormatException($"it is a {name} schema, and the table's format is avro");
        if (root.TryGetProperty("references", out var references))
            foreach (var reference in references.EnumerateArray())
                Load($"subjects/{Uri.EscapeDataString(reference.GetProperty("subject").GetString()!)}/versions/{reference.GetProperty("version").GetInt32()}", parser, depth + 1, cancellationToken);
        return parser.Parse(root.GetProperty("schema").GetString()!);
    }

    /// <summary>Null when there is no such thing.</summary>
    private JsonDocument? Get(string path, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            string failure;
            Exception? cause = null;
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = Authorization() } };
                using var response = _http.Send(request, HttpCompletionOption.ResponseContentRead, cancellationToken);
                switch (response.StatusCode)
                {
                    case HttpStatusCode.OK:
                        return JsonDocument.Parse(response.Content.ReadAsStream());
                    case HttpStatusCode.NotFound:
                        return null;
                    case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                        throw new PipelineException(FaultKind.NotAuthorised, _thing, $"it refused the request ({(int)response.StatusCode})",
                            "Check registry.username and registry.password, and the right to read schemas.");
                    default:
                        failure = $"it answered {(int)response.StatusCode}";
                        break;
                }
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && (e is HttpRequestException or TaskCanceledException or JsonException or IOException))
            {
                (failure, cause) = (e is TaskCanceledException ? $"no answer within {_options.RequestTimeout.TotalSeconds:0.#} s" : e.Message, e);
            }

            if (attempt >= _options.AttemptsMax)
                throw new PipelineException(FaultKind.Unreachable, _thing, $"{failure.TrimEnd('.')} ({attempt} attempts)", "Check registry.url and the registry's health.", cause);
            // 100 ms, doubled each time: the reading thread is ours to block.
            Task.Delay(TimeSpan.FromMilliseconds(100 << Math.Min(attempt - 1, 6)), _time, cancellationToken).GetAwaiter().GetResult();
        }
    }

    private AuthenticationHeaderValue? Authorization()
    {
        if (_options.Username is null) return null;
        var password = _secrets.RevealAsync(_options.Password!, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{_options.Username}:{password}")));
    }
}
