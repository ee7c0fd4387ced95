using System.Runtime.CompilerServices;
using Pipeline.Core.Metrics;
using Pipeline.Telemetry.Sending;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Sending;

public sealed class MetricSpoolSpec : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);

    private readonly ScratchDirectory _directory = new("pipeline-spool-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_comes_out_is_what_went_in_in_its_order_also_for_who_opens_it_next()
    {
        using (var spool = Open())
            for (var minute = 1; minute <= 12; minute++) spool.Add(Interval(minute), isOldestSent: false);

        using var next = Open();
        next.Add(Interval(13), isOldestSent: false);

        Assert.Equal(13, next.Count);
        for (var minute = 1; minute <= 13; minute++)
        {
            Assert.Equivalent(Interval(minute), next.Oldest(), strict: true);
            next.RemoveOldest();
        }

        Assert.Equal((0, 0), (next.Count, next.Bytes));
        Assert.Empty(Files());
    }

    [Fact]
    public void What_waits_is_in_no_memory_however_much_it_is()
    {
        using var spool = Open();
        var kept = Fill(spool);

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.InRange(kept.Count(interval => interval.IsAlive), 0, 1);
        Assert.Equal(300, spool.Count);
    }

    [Fact]
    public void The_oldest_has_to_go_where_there_is_no_room_but_not_while_it_is_sent()
    {
        using var large = Open();
        large.Add(Interval(1), isOldestSent: false);
        using var spool = MetricSpool.Open(_directory, "bounded", bytesMax: (large.Bytes * 3) + (large.Bytes / 2));

        var dropped = Enumerable.Range(1, 9).Sum(minute => spool.Add(Interval(minute), isOldestSent: minute > 1));

        Assert.Equal((6, 3), (dropped, spool.Count));
        Assert.Equal([1, 8, 9], Minutes(spool));
    }

    [Fact]
    public void Two_processes_share_no_folder_and_one_that_follows_finds_the_first()
    {
        var first = Open();
        using var second = Open();
        first.Add(Interval(1), isOldestSent: false);
        second.Add(Interval(2), isOldestSent: false);
        first.Dispose();

        using var third = Open();

        Assert.Equal([1], Minutes(third));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(40)]
    public void A_file_that_was_cut_off_is_none_and_holds_nobody_up(int length)
    {
        using (var spool = Open()) spool.Add(Interval(1), isOldestSent: false);
        var file = Assert.Single(Files());
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..length]);
        using var next = Open();
        next.Add(Interval(2), isOldestSent: false);

        Assert.Null(next.Oldest());
        next.RemoveOldest();
        Assert.Equal([2], Minutes(next));
    }

    private MetricSpool Open() => MetricSpool.Open(_directory, "sink", bytesMax: 1 << 30);

    private string[] Files() => Directory.GetFiles(_directory, "*.interval", SearchOption.AllDirectories);

    private static List<int> Minutes(MetricSpool spool)
    {
        List<int> minutes = [];
        for (; spool.Count > 0; spool.RemoveOldest()) minutes.Add((int)(spool.Oldest()!.To - Start).TotalMinutes);
        return minutes;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<WeakReference> Fill(MetricSpool spool)
    {
        List<WeakReference> kept = [];
        for (var minute = 1; minute <= 300; minute++)
        {
            var interval = Interval(minute);
            spool.Add(interval, isOldestSent: true);
            kept.Add(new WeakReference(interval));
        }

        return kept;
    }

    private static MetricInterval Interval(int minute) => new("127.0.0.1:4053", Start, Start.AddMinutes(minute - 1), Start.AddMinutes(minute),
    [
        new(Instruments.IngestRows, ["bronze/crm/orders"], minute, minute * 10),
        new(Instruments.BufferBytes, [], 1 << 20, 1 << 20),
        new(Instruments.CommitDuration, ["bronze/crm/orders"], 0.75, 9, new Spread([0.25, 0.5], [1, 1]), new Spread([0.25, 0.5], [12, 12])),
    ]);
}
