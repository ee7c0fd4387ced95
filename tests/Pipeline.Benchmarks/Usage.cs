using System.Diagnostics;

namespace Pipeline.Benchmarks;

/// <summary>What a piece of work took: the time it says, this process's processor time and peak memory.</summary>
internal readonly record struct Usage(TimeSpan Elapsed, TimeSpan Processor, long PeakBytes)
{
    /// <summary>Of the stretch that the work says: what it does before and after, as connecting, is not counted.</summary>
    public static async Task<Usage> OfAsync(Func<Task<Stretch>> work)
    {
        Stretch stretch = default;
        var usage = await OfAsync(async () => (stretch = await work()).Elapsed);
        return usage with { Processor = stretch.Processor };
    }

    public static async Task<Usage> OfAsync(Func<Task<TimeSpan>> work)
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        var processor = process.TotalProcessorTime;
        var peak = 0L;
        using var sampling = new CancellationTokenSource();
        var sampler = SampleAsync(sampling.Token);
        var elapsed = await work();
        await sampling.CancelAsync();
        await sampler;
        process.Refresh();
        return new Usage(elapsed, process.TotalProcessorTime - processor, peak);

        async Task SampleAsync(CancellationToken stop)
        {
            using var every = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            while (!stop.IsCancellationRequested)
            {
                using var current = Process.GetCurrentProcess();
                peak = Math.Max(peak, current.WorkingSet64);
                await every.WaitForNextTickAsync(stop).AsTask().ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
    }

    /// <summary>What a stretch of work took: time, and processor time of this process.</summary>
    internal readonly record struct Stretch(TimeSpan Elapsed, TimeSpan Processor);

    /// <summary>Where a stretch of work begins.</summary>
    internal sealed record Start(long Timestamp, TimeSpan Processor)
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
