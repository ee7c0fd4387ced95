using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Pipeline.Faults.Tests;

/// <summary>The product in a process of its own: a node (<c>pipeline run</c>) or another verb. Ended by its id when disposed.</summary>
internal sealed partial class PipelineProcess : IAsyncDisposable
{
    private const int SigKill = 9, SigTerm = 15, SigCont = 18, SigStop = 19;

    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private bool _isDisposed;

    private PipelineProcess(Process process) => _process = process;

    /// <summary>What it has said on standard error.</summary>
    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    /// <param name="killPoint">Where it ends itself as <c>kill -9</c> would, as <c>NAME:N</c>.</param>
    /// <param name="environment">Variables beside the test's own.</param>
    public static PipelineProcess Start(string configuration, string? killPoint = null, IReadOnlyDictionary<string, string>? environment = null) =>
        Start(killPoint, environment, "run", "--config", configuration, "--role", "ingest");

    /// <summary>Any verb with its arguments.</summary>
    public static PipelineProcess Start(string? killPoint, IReadOnlyDictionary<string, string>? environment, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "pipeline.dll"));
        foreach (var argument in args) start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        if (killPoint is not null) start.Environment["PIPELINE_KILL_POINT"] = killPoint;
        var process = new PipelineProcess(new Process { StartInfo = start });
        process._process.ErrorDataReceived += (_, line) => process.Append(line.Data);
        process._process.OutputDataReceived += (_, line) => process.Append(line.Data);
        process._process.Start();
        process._process.BeginErrorReadLine();
        process._process.BeginOutputReadLine();
        return process;
    }

    /// <summary>Waits until it has said <paramref name="text"/>, behind the first <paramref name="after"/> characters of its log.</summary>
    public async Task SaysAsync(string text, CancellationToken cancellationToken, int after = 0)
    {
        while (!Log.AsSpan(after).Contains(text, StringComparison.Ordinal))
        {
            if (_process.HasExited || cancellationToken.IsCancellationRequested) Assert.Fail($"It never said '{text}', but:\n{Log}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    public void Kill() => Signal(SigKill);

    public void Freeze() => Signal(SigStop);

    public void Thaw() => Signal(SigCont);

    /// <summary>Asks it to drain and leave; returns its exit code.</summary>
    public async Task<int> StopAsync(CancellationToken cancellationToken)
    {
        Signal(SigTerm);
        return await ExitAsync(cancellationToken);
    }

    public async Task<int> ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (!_process.HasExited)
        {
            // A stopped process dies of SIGKILL too.
            Signal(SigKill);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Append(string? line)
    {
        if (line is null) return;
        lock (_log) _log.AppendLine(line);
    }

    private void Signal(int signal)
    {
        if (SendSignal(_process.Id, signal) != 0) throw new InvalidOperationException($"Signal {signal} did not reach process {_process.Id}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
