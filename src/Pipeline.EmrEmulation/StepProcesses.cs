using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Emr;

namespace Pipeline.EmrEmulation;

/// <summary>Does the work of steps: each in a process of its own, which dies with this one.</summary>
/// <param name="note">Told when a step begins to write, and when it has written.</param>
internal sealed class StepProcesses(string state, S3Options s3, TimeSpan logsAfter, Action<EmrWork, string> note, TimeProvider time)
{
    public async Task<EmrOutcome> RunAsync(EmrWork work)
    {
        await Task.Yield();
        if (work.Jar != "command-runner.jar") return new EmrOutcome(1, "Main Class not found.", $"java.io.FileNotFoundException: {work.Jar}");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(typeof(StepProcesses).Assembly.Location);
        foreach (var argument in (string[])["step", "--id", work.Step, "--spill", Path.Combine(state, "spill", work.Step)]) start.ArgumentList.Add(argument);
        foreach (var argument in S3Arguments.From(s3)) start.ArgumentList.Add(argument);
        start.ArgumentList.Add("--");
        foreach (var argument in work.Args) start.ArgumentList.Add(argument);

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        note(work, "writes");
        await using (work.Cancelled.Register(() => process.Kill(entireProcessTree: true)))
        {
            // It waits for this word: without it, whoever started it has died before it was known.
            await process.StandardInput.WriteLineAsync("go");
            await process.StandardInput.FlushAsync(CancellationToken.None);
            await process.WaitForExitAsync(CancellationToken.None);
        }

        if (process.ExitCode == 0) note(work, "wrote");
        var (printed, said, exitCode) = (await output, await error, process.ExitCode);
        Background.Start(async _ => await PutLogsAsync(work, printed, said, exitCode), failure =>
        {
            if (failure is not null) Console.Error.WriteLine($"The logs of step {work.Name} are not put: {failure.Message}");
        }, CancellationToken.None);
        return new EmrOutcome(exitCode, null, said.Split('\n').LastOrDefault(line => line.Length > 0));
    }

    /// <summary>Ends a step's process that a former server has left, and waits until it is gone.</summary>
    public static void EndLeftOver(string step)
    {
        foreach (var directory in Directory.Exists("/proc") ? Directory.GetDirectories("/proc") : [])
        {
            if (!int.TryParse(Path.GetFileName(directory), out var id) || !IsOf(directory, step)) continue;
            try
            {
                using var process = Process.GetProcessById(id);
                process.Kill();
                process.WaitForExit();
            }
            catch (ArgumentException)
            {
                // It has just ended by itself.
            }
        }
    }

    private static bool IsOf(string process, string step)
    {
        try
        {
            var arguments = File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0');
            return arguments.Contains("step", StringComparer.Ordinal) && arguments.Contains(step, StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is somebody else's.
            return false;
        }
    }

    /// <summary>As EMR puts them: compressed, and some time after the end.</summary>
    private async Task PutLogsAsync(EmrWork work, string output, string error, int exitCode)
    {
        if (work.LogUri is null) return;
        await Task.Delay(logsAfter, time, CancellationToken.None);
        var store = Place.Open(work.LogUri, s3, time);
        var controller = $"INFO startExec 'hadoop jar /var/lib/aws/emr/step-runner/hadoop-jars/command-runner.jar {string.Join(' ', work.Args)}'\nINFO waitProcessCompletion ended with exit code {exitCode} : hadoop jar\n";
        foreach (var (name, text) in (IEnumerable<(string, string)>)[("controller", controller), ("stdout", output), ("stderr", error)])
        {
            try
            {
                await store.PutAsync($"{name}.gz", Compressed(text), CancellationToken.None);
            }
            catch (PipelineException e)
            {
                await Console.Error.WriteLineAsync(e.Message);
            }
        }
    }

    private static byte[] Compressed(string text)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return compressed.ToArray();
    }
}
