using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Pipeline.Benchmarks;

/// <summary>What a piece of work took: the time it says, this process's processor time and peak memory.</summary>
/// <param name="PeakBytes">0 when nobody looked.</param>
public readonly partial record struct Usage(TimeSpan Elapsed, TimeSpan Processor, long PeakBytes)
{
    /// <summary>Of the data files that it has left; 0: none.</summary>
    public long StoredBytes { get; init; }

    /// <summary>How much of the time all of the machine's processors worked, for whomever, 0 to 1; 0 also when nobody looked.</summary>
    public double Busy { get; init; }

    /// <summary>Of the stretch that the work says: what it does before and after, as connecting, is not counted.</summary>
    public static async Task<Usage> OfAsync(Func<Task<Stretch>> work)
    {
        Stretch stretch = default;
        var usage = await OfAsync(async () => (stretch = await work()).Elapsed);
        return usage with { Processor = stretch.Processor };
    }

    /// <summary>Of work that is timed from its beginning to its end.</summary>
    public static Task<Usage> OfAsync(Func<Task> work) => OfAsync(async () =>
    {
        var started = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(started);
    });

    /// <summary>Of another program, whose output goes nowhere: a yardstick. Its memory is not looked at.</summary>
    public static async Task<Usage> OfProgramAsync(string program, IReadOnlyDictionary<string, string> environment, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        // A process that has ended does not tell its processor time any more; the shell that waited for it does.
        var start = new ProcessStartInfo("sh", ["-c", "\"$0\" \"$@\" >/dev/null && times", program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var started = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        var elapsed = Stopwatch.GetElapsedTime(started);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
        // "0m0.000000s 0m0.000000s", user and system: the shell's own, then those of what it waited for.
        var processor = TimeSpan.Zero;
        foreach (Match time in ShellTime().Matches(said.Split('\n')[1]))
            processor += TimeSpan.FromMinutes(int.Parse(time.Groups[1].Value, CultureInfo.InvariantCulture)) + TimeSpan.FromSeconds(double.Parse(time.Groups[2].Value, CultureInfo.InvariantCulture));
        return new Usage(elapsed, processor, PeakBytes: 0);
    }

    [GeneratedRegex(@"(\d+)m([\d.]+)s")]
    private static partial Regex ShellTime();

    public static async Task<Usage> OfAsync(Func<Task<TimeSpan>> work)
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        var processor = process.TotalProcessorTime;
        var peak = 0L;
        var ticks = MachineTicks.Now();
        using var sampling = new CancellationTokenSource();
        var sampler = SampleAsync(sampling.Token);
        var elapsed = await work();
        await sampling.CancelAsync();
        await sampler;
        process.Refresh();
        return new Usage(elapsed, process.TotalProcessorTime - processor, peak) { Busy = ticks.BusyUntil(MachineTicks.Now()) };

        async Task SampleAsync(CancellationToken stop)
        {
            using var every = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            while (!stop.IsCancellationRequested)
            {
                // Not of Process, which looks at every thread: what looking costs would be counted as ours.
                peak = Math.Max(peak, Environment.WorkingSet);
                await every.WaitForNextTickAsync(stop).AsTask().ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    /// <summary>What a stretch of work took: time, and processor time of this process.</summary>
    public readonly record struct Stretch(TimeSpan Elapsed, TimeSpan Processor);

    /// <summary>Where a stretch of work begins.</summary>
    public sealed record Start(long Timestamp, TimeSpan Processor)
    {
        public static Start Now()
        {
            using var process = Process.GetCurrentProcess();
            return new Start(Stopwatch.GetTimestamp(), process.TotalProcessorTime);
        }

        public Stretch End()
        {
            var now = Now();
            return new Stretch(Stopwatch.GetElapsedTime(Timestamp, now.Timestamp), now.Processor - Processor);
        }
    }
}
