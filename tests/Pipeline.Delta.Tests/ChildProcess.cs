using System.Diagnostics;
using Pipeline.Testing;

namespace Pipeline.Delta.Tests;

/// <summary>This executable, started again to do one thing.</summary>
internal static class ChildProcess
{
    public const string Verb = "--child";

    private static readonly TimeSpan Deadline = Deadlines.Test;

    /// <summary>Whether there is time for tests that take minutes.</summary>
    public static bool IsNightly => Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    /// <summary>What a child does, by the word after <see cref="Verb"/>.</summary>
    public static Task<int> RunAsync(string[] args) => args switch
    {
        ["append", .. var rest] => Log.AppendingProcess.RunAsync(rest),
        [S3.S3AppendingProcess.Verb, .. var rest] => S3.S3AppendingProcess.RunAsync(rest),
        ["open", .. var rest] => Log.OpeningProcess.RunAsync(rest),
        ["index", .. var rest] => Log.OpeningProcess.RunIndexAsync(rest),
        [Maintenance.WritingProcess.Verb, .. var rest] => Maintenance.WritingProcess.RunAsync(rest),
        _ => Task.FromResult(64),
    };

    /// <summary>Starts a child, and returns what it wrote when it has ended well.</summary>
    public static Task<string> StartAsync(params string[] args) => StartAsync(args, heapBytesMax: null);

    /// <param name="heapBytesMax">The garbage collector's limit; null for none but the machine's.</param>
    public static async Task<string> StartAsync(string[] args, long? heapBytesMax)
    {
        using var child = Process.Start(StartInfo(args, heapBytesMax))!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            var (output, errors) = (child.StandardOutput.ReadToEndAsync(CancellationToken.None), child.StandardError.ReadToEndAsync(CancellationToken.None));
            try
            {
                await child.WaitForExitAsync(deadline.Token);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested)
            {
                var used = child.TotalProcessorTime;
                child.Kill();
                Assert.Fail($"child {string.Join(' ', args)} has not ended within {Deadline.TotalMinutes:0} min, of which it computed {used.TotalSeconds:0} s. It wrote:\n{await output}\n{await errors}");
            }

            Assert.True(child.ExitCode == 0, $"child {string.Join(' ', args)} ended with {child.ExitCode}:\n{await errors}");
            return await output;
        }
        finally
        {
            if (!child.HasExited) child.Kill();
        }
    }

    /// <summary>Starts a child that is to be killed by the test, and returns when it has written its first line.</summary>
    public static async Task<Process> BeginAsync(params string[] args)
    {
        var child = Process.Start(StartInfo(args, heapBytesMax: null))!;
        if (await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is null)
            Assert.Fail($"child {string.Join(' ', args)} ended:\n{await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)}");
        return child;
    }

    private static ProcessStartInfo StartInfo(string[] args, long? heapBytesMax)
    {
        var program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        start.ArgumentList.Add(Verb);
        // Short lives: what is measured to optimise better later never pays.
        start.Environment["DOTNET_TieredPGO"] = "0";
        if (heapBytesMax is { } bytes) start.Environment["DOTNET_GCHeapHardLimit"] = bytes.ToString("X");
        foreach (var arg in args) start.ArgumentList.Add(arg);
        return start;
    }
}
