using System.Diagnostics;
using System.Threading.Channels;

namespace Pipeline.Testing;

/// <summary>A program in a process of its own, whose output is read; ended by its id.</summary>
public sealed class OutsideProgram : IAsyncDisposable
{
    private const int NoSuchFile = 2;

    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task _reading;
    private bool _isDisposed;

    private OutsideProgram(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError))
            .ContinueWith(_ => _lines.Writer.TryComplete(), TaskScheduler.Default);
    }

    /// <summary>Null when there is no such program.</summary>
    public static OutsideProgram? TryStart(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        try
        {
            return new OutsideProgram(Process.Start(start)!);
        }
        catch (System.ComponentModel.Win32Exception e) when (e.NativeErrorCode == NoSuchFile)
        {
            return null;
        }
    }

    /// <summary>The next line that is wanted, of either output; null when the process ends without it.</summary>
    public async Task<string?> WaitForLineAsync(Func<string, bool> isIt, TimeSpan deadline, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(deadline);
        await foreach (var line in _lines.Reader.ReadAllAsync(timeout.Token))
            if (isIt(line)) return line;
        return null;
    }

    /// <summary>Waits for the end; everything it has said, and its exit code.</summary>
    public async Task<(int ExitCode, IReadOnlyList<string> Lines)> WaitForExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return (_process.ExitCode, await LinesAsync());
    }

    /// <summary>What an ended process has said and nobody has read.</summary>
    public async Task<IReadOnlyList<string>> LinesAsync()
    {
        await _reading;
        List<string> lines = [];
        while (_lines.Reader.TryRead(out var line)) lines.Add(line);
        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line) _lines.Writer.TryWrite(line);
    }
}
