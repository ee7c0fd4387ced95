using System.Text.Json;

namespace Pipeline.Emulation.Snowflake;

/// <summary>The body of a submitted statement.</summary>
internal sealed record SnowflakeSubmission(string Statement, long? Timeout, string? Database, string? Schema, string? Warehouse, string? Role,
    IReadOnlyDictionary<int, SnowflakeBinding> Bindings)
{
    /// <exception cref="SnowflakeError">400: no JSON, no statement, or a member of the wrong type.</exception>
    public static async Task<SnowflakeSubmission> ReadAsync(Stream body)
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(body);
            var root = document.RootElement;
            string? Text(string name) => root.TryGetProperty(name, out var value) ? value.GetString() : null;
            var bindings = new Dictionary<int, SnowflakeBinding>();
            if (root.TryGetProperty("bindings", out var given))
                foreach (var binding in given.EnumerateObject())
                    bindings[int.Parse(binding.Name)] = new SnowflakeBinding(binding.Value.GetProperty("type").GetString()!, binding.Value.GetProperty("value").GetString());
            return new SnowflakeSubmission(
                Text("statement") ?? throw SnowflakeError.BadRequest("The request has no statement."),
                root.TryGetProperty("timeout", out var timeout) ? timeout.GetInt64() : null,
                Text("database"), Text("schema"), Text("warehouse"), Text("role"), bindings);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw SnowflakeError.BadRequest("The request body is not a valid statement request.");
        }
    }
}

/// <summary>The last requests of a server, in order, and who waits for one of them.</summary>
internal sealed class SnowflakeRequestLog
{
    private const int KeptMax = 10_000;

    private readonly Lock _lock = new();
    private readonly Queue<SnowflakeRequest> _requests = [];
    private readonly List<(Func<SnowflakeRequest, bool> IsIt, TaskCompletionSource<SnowflakeRequest> Seen)> _waiting = [];

    public IReadOnlyList<SnowflakeRequest> All
    {
        get
        {
            lock (_lock) return [.. _requests];
        }
    }

    public void Add(SnowflakeRequest request)
    {
        lock (_lock)
        {
            if (_requests.Count == KeptMax) _requests.Dequeue();
            _requests.Enqueue(request);
            _waiting.RemoveAll(wait => wait.IsIt(request) && wait.Seen.TrySetResult(request));
        }
    }

    public Task<SnowflakeRequest> WaitForAsync(Func<SnowflakeRequest, bool> isIt, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_requests.FirstOrDefault(isIt) is { } already) return Task.FromResult(already);
            var seen = new TaskCompletionSource<SnowflakeRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((isIt, seen));
            return seen.Task.WaitAsync(cancellationToken);
        }
    }
}
