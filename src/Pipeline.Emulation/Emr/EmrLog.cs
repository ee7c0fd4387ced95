using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Emulation.Emr;

/// <summary>Something that has happened in the emulated service.</summary>
public sealed record EmrEvent
{
    public DateTimeOffset At { get; init; }

    /// <summary><c>call</c>, <c>submitted</c>, <c>state</c>, <c>refused</c>, <c>lost-answer</c>, <c>writes</c>, <c>wrote</c>, <c>cluster</c>.</summary>
    public required string What { get; init; }

    public string? Operation { get; init; }

    public string? Cluster { get; init; }

    public string? Step { get; init; }

    public string? Name { get; init; }

    public string? State { get; init; }

    /// <summary>The SHA-256 of the document that the step was given.</summary>
    public string? Document { get; init; }

    public string? Error { get; init; }
}

/// <summary>What has happened, in order: in memory, and as a JSON line each in a file if there is one. Thread-safe.</summary>
public sealed class EmrLog : IDisposable
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private readonly Lock _lock = new();
    private readonly List<EmrEvent> _events = [];
    private readonly StreamWriter? _file;
    private TaskCompletionSource _added = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="path">Appended to; null: no file.</param>
    public EmrLog(string? path = null) =>
        _file = path is null ? null : JsonLines.Append(path);

    public IReadOnlyList<EmrEvent> Events
    {
        get
        {
            lock (_lock) return [.. _events];
        }
    }

    /// <summary>When something happened last, in this process; null: nothing yet.</summary>
    public DateTimeOffset? Last
    {
        get
        {
            lock (_lock) return _events.Count == 0 ? null : _events[^1].At;
        }
    }

    /// <summary>The events of a log's file; a last line that was cut off is none.</summary>
    public static IReadOnlyList<EmrEvent> Read(string path) =>
        [.. JsonLines.Read(path).Select(line => JsonSerializer.Deserialize<EmrEvent>(line, Options)!)];

    /// <summary>Waits for an event, also one before this call.</summary>
    public async Task<EmrEvent> WaitForAsync(Func<EmrEvent, bool> isIt, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task added;
            lock (_lock)
            {
                if (_events.Find(e => isIt(e)) is { } found) return found;
                added = _added.Task;
            }

            await added.WaitAsync(cancellationToken);
        }
    }

    public void Dispose() => _file?.Dispose();

    internal void Add(EmrEvent happened)
    {
        lock (_lock)
        {
            _events.Add(happened);
            _file?.WriteLine(JsonSerializer.Serialize(happened, Options));
            _added.SetResult();
            _added = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
