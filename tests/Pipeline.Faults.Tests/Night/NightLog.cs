using System.Text;

namespace Pipeline.Faults.Tests.Night;

/// <summary>What a node says, line by line, and whoever waits for a line.</summary>
internal sealed class NightLog : TextWriter
{
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
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

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        TaskCompletionSource said;
        lock (_lock)
        {
            _open.Append(value);
            var lines = _open.ToString().Split('\n');
            _lines.AddRange(lines[..^1]);
            _open.Clear().Append(lines[^1]);
            if (lines.Length == 1) return;
            (said, _said) = (_said, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        said.SetResult();
    }

    /// <summary>The lines from a number on.</summary>
    public IReadOnlyList<string> From(int line)
    {
        lock (_lock) return _lines[line..];
    }

    /// <summary>The first line from a number on that is as asked; waits for it.</summary>
    public async Task<string> LineAsync(int from, Func<string, bool> isIt, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task said;
            lock (_lock)
            {
                if (_lines.Skip(from).FirstOrDefault(isIt) is { } found) return found;
                said = _said.Task;
            }

            await said.WaitAsync(cancellationToken);
        }
    }
}
