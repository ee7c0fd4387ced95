using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace Pipeline.Mutation.Tests;

/// <summary>What became of a mutant.</summary>
/// <param name="Spec">The test that noticed it; null: none did.</param>
/// <param name="How">Beside the test's name.</param>
internal sealed record MutantOutcome(Mutant Mutant, string? Spec, string How)
{
    public bool IsKilled => Spec is not null;
}

/// <summary>Has mutants judged by a process of its own, which is replaced when a mutant makes it hang.</summary>
internal sealed class SpecRunner(MutationTarget target, MutatedAssembly assembly, string simulationSeeds) : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private Process? _process;

    public async Task<MutantOutcome> JudgeAsync(Mutant mutant, CancellationToken cancellationToken)
    {
        _process ??= await StartAsync(cancellationToken);
        await _process.StandardInput.WriteLineAsync(mutant.Id.ToString(CultureInfo.InvariantCulture));
        await _process.StandardInput.FlushAsync(cancellationToken);
        var (answer, running) = await AnswerAsync(_process, Deadline, cancellationToken);
        if (answer is SpecProcess.Survived or SpecProcess.Unreached) return new MutantOutcome(mutant, Spec: null, answer == SpecProcess.Unreached ? "no test comes by" : "");
        if (answer?.StartsWith(SpecProcess.Killed, StringComparison.Ordinal) == true) return new MutantOutcome(mutant, answer[SpecProcess.Killed.Length..], "");
        await StopAsync();
        return new MutantOutcome(mutant, running, answer is null ? "does not end" : answer);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task<Process> StartAsync(CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        foreach (var argument in new[] { SpecProcess.Verb, target.TestAssembly, assembly.Path }.Concat(target.Specs)) start.ArgumentList.Add(argument);
        start.Environment["PIPELINE_SIMULATION_SEEDS"] = simulationSeeds;
        start.Environment.Remove("PIPELINE_NIGHTLY");
        var process = Process.Start(start)!;
        var (answer, running) = await AnswerAsync(process, StartDeadline, cancellationToken);
        if (answer == SpecProcess.Ready) return process;
        process.Kill();
        process.Dispose();
        throw new InvalidOperationException($"The specs of {target.Tests} fail without a change: {answer ?? running}");
    }

    /// <summary>The first line that is an answer, and the spec that was running when it came; null: none came in time.</summary>
    private static async Task<(string? Answer, string Running)> AnswerAsync(Process process, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var running = "";
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(deadline);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(late.Token) is { } line)
            {
                if (!line.StartsWith(SpecProcess.Running, StringComparison.Ordinal)) return (line, running);
                running = line[SpecProcess.Running.Length..];
            }

            return ("ends the process", running);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, running);
        }
    }

    private async Task StopAsync()
    {
        if (_process is not { } process) return;
        _process = null;
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }
}
