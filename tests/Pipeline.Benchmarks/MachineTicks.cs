using System.Globalization;

namespace Pipeline.Benchmarks;

/// <summary>What the processors have done since the machine started, as <c>/proc/stat</c> counts it (proc(5)).</summary>
internal readonly record struct MachineTicks(long Busy, long All)
{
    private const int Idle = 3;
    private const int WaitingForDisk = 4;

    /// <summary>User, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen: what guests take is of user's.</summary>
    private const int Kinds = 8;

    public static MachineTicks Now()
    {
        var counts = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(Kinds).Select(count => long.Parse(count, CultureInfo.InvariantCulture)).ToList();
        return new MachineTicks(counts.Sum() - counts[Idle] - counts[WaitingForDisk], counts.Sum());
    }

    /// <summary>From 0 to 1.</summary>
    public double BusyUntil(MachineTicks later) => later.All == All ? 0 : (double)(later.Busy - Busy) / (later.All - All);
}
