using System.Diagnostics;

namespace Pipeline.Benchmarks;

/// <summary>What a piece of work took: the time it says, this process's processor time and peak memory.</summary>
internal readonly record struct Usage(TimeSpan Elapsed, TimeSpan Processor, long PeakBytes)
{
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
}
