using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace Pipeline.Testing;

/// <summary>The product in a process of its own: a node (<c>pipeline run</c>) or another verb. Ended by its id when disposed.</summary>
public sealed class PipelineProcess : IAsyncDisposable
{
    private readonly Process _process;
    private static readonly ConcurrentQueue<string> Defects = new();

    private readonly StringBuilder _log = new();
    private readonly bool _isOurs;
    private bool _isDisposed;

    private PipelineProcess(Process process, bool isOurs) => (_process, _isOurs) = (process, isOurs);

    /// <summary>No fault of anything outside is told so: a defect of ours, the name of an error's type out of a native library.</summary>
    public static readonly string[] Unsayable = ["should not happen", " (message: '"];

    /// <summary>Every line in which a process of these tests has said so far what it should not.</summary>
    public static IReadOnlyCollection<string> SaidOfDefects => Defects;

    /// <summary>What it has said on standard error.</summary>
    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>The most memory that it has had resident so far, in bytes, as the kernel counts it.</summary>
    public long PeakBytes => MemoryLine("VmHWM");

    /// <summary>Starts a node or another verb in a directory of its own.</summary>
    /// <param name="pipeline">What its configuration has in <c>pipeline { … }</c>.</param>
    /// <param name="verb">With its arguments, but for the configuration.</param>
    /// <param name="killPoint">Where it ends itself as <c>kill -9</c> would, as <c>NAME:N</c>.</param>
    /// <param name="environment">Variables beside the test's own.</param>
    public static PipelineProcess Start(string directory, string pipeline, IReadOnlyList<string> verb, string? killPoint = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        Directory.CreateDirectory(directory);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "hocon", "akka.conf"), Path.Combine(directory, "akka.conf"));
        var configuration = Path.Combine(directory, "pipeline.conf");
        File.WriteAllText(configuration, $"pipeline {{\n{pipeline}\n}}\n");
        return Start(configuration, verb, killPoint, environment);
    }

    /// <summary>Starts a node or another verb on a configuration that is there.</summary>
    /// <param name="program">The product's <c>pipeline.dll</c>; null: the one that was built with the test.</param>
    public static PipelineProcess Start(string configuration, IReadOnlyList<string> verb, string? killPoint = null, IReadOnlyDictionary<string, string>? environment = null,
        string? program = null)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[program ?? Path.Combine(AppContext.BaseDirectory, "pipeline.dll"), .. verb, "--config", configuration])
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        if (killPoint is not null) start.Environment["PIPELINE_KILL_POINT"] = killPoint;
        var process = new PipelineProcess(new Process { StartInfo = start }, isOurs: program is null);
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

    /// <summary>Waits for what the process is to bring about; fails with its log when that is given up or the process ends first.</summary>
    public async Task UntilAsync(Task outcome)
    {
        await Task.WhenAny(outcome, _process.WaitForExitAsync());
        if (!outcome.IsCompletedSuccessfully) Assert.Fail($"It {(_process.HasExited ? "ended" : "runs")} and has not done its work, but said:\n{Log}");
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
        await _process.WaitForExitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_process.HasExited) Assert.Fail($"It never ended, but said:\n{Log}");
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
        if (_isOurs && Unsayable.Any(words => line.Contains(words, StringComparison.Ordinal))) Defects.Enqueue(line);
    }

    private void Signal(int signal) => ProcessSignals.Send(_process.Id, signal);
}
