using Microsoft.Extensions.Logging;

namespace Pipeline.Testing;

/// <summary>What a source logs, a line each, to be waited for.</summary>
public sealed class LogLines : ILoggerFactory, ILogger
{
    private readonly List<(LogLevel Level, string Text)> _lines = [];
    private readonly List<(Func<string, bool> Matches, TaskCompletionSource Seen)> _waiting = [];

    public IReadOnlyList<string> At(LogLevel level)
    {
        lock (_lines) return [.. _lines.Where(line => line.Level == level).Select(line => line.Text)];
    }

    public async Task WaitForAsync(Func<string, bool> matches, CancellationToken cancellationToken)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lines)
        {
            if (_lines.Exists(line => matches(line.Text))) return;
            _waiting.Add((matches, seen));
        }

        await seen.Task.WaitAsync(cancellationToken);
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            var text = formatter(state, exception);
            _lines.Add((logLevel, text));
            foreach (var waiting in _waiting.Where(waiting => waiting.Matches(text))) waiting.Seen.TrySetResult();
        }
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
