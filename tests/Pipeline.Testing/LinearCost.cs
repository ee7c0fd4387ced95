using System.Runtime.InteropServices;

namespace Pipeline.Testing;

/// <summary>How work grows with the size of what it is done with, by the processor's time of this thread alone.</summary>
public static partial class LinearCost
{
    private const int Larger = 16;
    private const int ThreadCpu = 3;

    /// <summary>
    /// Above it the work is not in proportion to the size; sixteen is, and the square of it would be 256. What does not fit into the processor's memory
    /// costs some times as much a byte.
    /// </summary>
    public const double RatioMax = 90;

    /// <summary>What sixteen times as much costs, in units of what the size costs; the least of some attempts, for whatever else the machine does.</summary>
    /// <param name="size">Sixteen times of it fit into the buffers that columns keep: beyond, the system's new pages are what is measured.</param>
    /// <param name="of">Prepares the work for a size; what it returns is measured.</param>
    public static double Ratio(int size, Func<int, Action> of)
    {
        ArgumentNullException.ThrowIfNull(of);
        var (small, large) = (of(size), of(size * Larger));
        // Compiled for good before it is measured.
        for (var i = 0; i < 30; i++) small();
        var least = double.MaxValue;
        for (var attempt = 0; attempt < 5 && least > RatioMax; attempt++) least = Math.Min(least, Least(large, 3) / Math.Max(Least(small, 10), 1e-4));
        return least;
    }

    /// <summary>What a part of some work costs, in units of the whole; the least of some attempts.</summary>
    /// <param name="enough">A share that is not looked at again.</param>
    public static double Share(Action part, Action whole, double enough)
    {
        var least = double.MaxValue;
        for (var attempt = 0; attempt < 5 && least > enough; attempt++) least = Math.Min(least, Least(part, 3) / Math.Max(Least(whole, 2), 1e-4));
        return least;
    }

    private static double Least(Action work, int attempts)
    {
        work();
        return Enumerable.Range(0, attempts).Min(_ =>
        {
            var before = Seconds();
            work();
            return Seconds() - before;
        });
    }

    private static double Seconds() => clock_gettime(ThreadCpu, out var time) == 0 ? time.Seconds + (time.Nanoseconds / 1e9) : throw new PlatformNotSupportedException("This system has no processor time of a thread.");

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out Moment time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Moment
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
