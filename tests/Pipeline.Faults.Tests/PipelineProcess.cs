using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Pipeline.Faults.Tests;

/// <summary>A node of the product in a process of its own: <c>pipeline run</c>. Ended by its id when disposed.</summary>
internal sealed class PipelineProcess : IAsyncDisposable
{
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

    /// <summary>The most memory that it has had in RAM so far, in bytes.</summary>
    public long PeakBytes => MemoryLine("VmHWM");

    /// <summary>Starts a node in a directory of its own.</summary>
    /// <param name="pipeline">What its configuration has in <c>pipeline { … }</c>.</param>
    /// <param name="killPoint">Where it ends itself as <c>kill -9</c> would, as <c>NAME:N</c>.</param>
    public static PipelineProcess Start(string directory, string pipeline, string? killPoint = null, params string[] roles) =>
        Start(directory, pipeline, killPoint, (IReadOnlyList<string>)["run", "--role", .. roles]);

    /// <summary>Starts another verb on the same configuration.</summary>
    public static PipelineProcess StartVerb(string directory, string pipeline, string verb) => Start(directory, pipeline, killPoint: null, (IReadOnlyList<string>)[verb]);

    private static PipelineProcess Start(string directory, string pipeline, string? killPoint, IReadOnlyList<string> verb)
    {
        Directory.CreateDirectory(directory);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf"), Path.Combine(directory, "akka.conf"));
        var configuration = Path.Combine(directory, "pipeline.conf");
        File.WriteAllText(configuration, $"pipeline {{\n{pipeline}\n}}\n");

        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. verb, "--config", configuration])
            start.ArgumentList.Add(argument);
        if (killPoint is not null) start.Environment["PIPELINE_KILL_POINT"] = killPoint;
        var process = new PipelineProcess(new Process { StartInfo = start });
        process._process.ErrorDataReceived += (_, line) => process.Append(line.Data);
        process._process.OutputDataReceived += (_, line) => process.Append(line.Data);
        process._process.Start();
        process._process.BeginErrorReadLine();
        process._process.BeginOutputReadLine();
        return process;
    }

    public void Kill() => Signal(ProcessSignals.Kill);

    public void Freeze() => Signal(ProcessSignals.Stop);

    public void Thaw() => Signal(ProcessSignals.Continue);

    /// <summary>Asks it to drain and leave; returns its exit code.</summary>
    public async Task<int> StopAsync(CancellationToken cancellationToken)
    {
        Signal(ProcessSignals.Terminate);
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
            Signal(ProcessSignals.Kill);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private long MemoryLine(string name)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith($"{name}:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    private void Append(string? line)
    {
        if (line is null) return;
        lock (_log) _log.AppendLine(line);
    }

    private void Signal(int signal) => ProcessSignals.Send(_process.Id, signal);
}
