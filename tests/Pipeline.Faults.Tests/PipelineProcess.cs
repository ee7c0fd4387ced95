using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Pipeline.Faults.Tests;

/// <summary>A node of the product in a process of its own: <c>pipeline run</c>. Ended by its id when disposed.</summary>
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

    /// <summary>The most memory that it has had resident so far, in bytes, as the kernel counts it.</summary>
    public long ResidentBytesMax
    {
        get
        {
            var peak = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return long.Parse(peak.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
        }
    }

    /// <summary>A node that only ingests.</summary>
    /// <param name="killPoint">Where it ends itself as <c>kill -9</c> would, as <c>NAME:N</c>.</param>
    public static PipelineProcess StartIngest(string configuration, string? killPoint = null) => Start(configuration,
        killPoint is null ? new Dictionary<string, string>(StringComparer.Ordinal) : new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_KILL_POINT"] = killPoint },
        "--role", "ingest");

    public static PipelineProcess Start(string configuration, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), "run", "--config", configuration, .. arguments])
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var process = new PipelineProcess(new Process { StartInfo = start });
        process._process.ErrorDataReceived += (_, line) => process.Append(line.Data);
        process._process.OutputDataReceived += (_, line) => process.Append(line.Data);
        process._process.Start();
        process._process.BeginErrorReadLine();
        process._process.BeginOutputReadLine();
        return process;
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
