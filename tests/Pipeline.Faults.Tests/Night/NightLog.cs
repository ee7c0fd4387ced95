using System.Text;

namespace Pipeline.Faults.Tests.Night;

/// <summary>What a node says, line by line, whoever waits for a line, and the account of it.</summary>
internal sealed class NightLog : TextWriter
{
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private readonly NightAccount _account = new();
    private readonly StringBuilder _open = new();
    private TaskCompletionSource _said = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>Lines so far.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _lines.Count;
        }
    }

    /// <summary>Lines that should not be; see <see cref="NightAccount"/>.</summary>
    public IReadOnlyList<string> Troubles
    {
        get
        {
            lock (_lock) return [.. _account.Troubles];
        }
    }

    /// <summary>What was told, and its end was not.</summary>
    public IReadOnlyList<string> Open
    {
        get
        {
            lock (_lock) return [.. _account.Open];
        }
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        TaskCompletionSource said;
        lock (_lock)
        {
            _open.Append(value);
            var lines = _open.ToString().Split('\n');
            _open.Clear().Append(lines[^1]);
            if (lines.Length == 1) return;
            _lines.AddRange(lines[..^1]);
            foreach (var line in lines[..^1]) _account.Read(line);
            (said, _said) = (_said, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        said.SetResult();
    }

    /// <inheritdoc cref="NightAccount.BeginOutage"/>
    /// <returns>How many lines there were before.</returns>
    public int BeginOutage()
    {
        lock (_lock)
        {
            _account.BeginOutage();
            return _lines.Count;
        }
    }

    /// <summary>The lines from a number on.</summary>
    public IReadOnlyList<string> From(int line)
    {
        lock (_lock) return _lines[line..];
    }

    /// <summary>Waits for a line from a number on that is as asked.</summary>
    public Task LineAsync(int from, Func<string, bool> isIt, CancellationToken cancellationToken) => UntilAsync(() => _lines.Skip(from).Any(isIt), cancellationToken);

    /// <summary>Waits until everything that was told has had its end.</summary>
    public Task AllEndedAsync(CancellationToken cancellationToken) => UntilAsync(() => _account.Open.Count == 0, cancellationToken);

    private async Task UntilAsync(Func<bool> isSo, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task said;
            lock (_lock)
            {
                if (isSo()) return;
                said = _said.Task;
            }

            await said.WaitAsync(cancellationToken);
        }
    }
}
