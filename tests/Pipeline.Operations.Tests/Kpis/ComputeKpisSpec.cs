using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Kpis;
using Pipeline.Testing;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tests.Kpis;

/// <summary>Commits at chosen moments, and the figures that somebody with pencil and paper gets from them.</summary>
public sealed class ComputeKpisSpec : IDisposable
{
    private static readonly DateOnly Day = new(2026, 3, 2);
    private static readonly TableId Bronze = TableId.Bronze("app", "users");
    private static readonly TableId Silver = TableId.Silver("users");
    private static readonly TableId Gold = TableId.Gold("heads");

    private readonly ScratchDirectory _directory = new("pipeline-kpi-");
    private readonly HeldClock _time = new(At(9, 0)) { AutoAdvanceAmount = TimeSpan.Zero };
    private readonly Lake _lake;

    public ComputeKpisSpec() => _lake = new Lake(new LocalObjectStore(_directory.Path), _time);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_table_is_as_late_as_what_it_does_not_show_has_waited()
    {
        await BronzeAsync(At(10, 0), rows: 100);
        await SilverAsync(At(10, 5), run: 1, bronzeVersion: 1);
        await BronzeAsync(At(12, 0), rows: 50);
        await SilverAsync(At(15, 0), run: 2, bronzeVersion: 2, failed: new FailedBefore(3, At(12, 30)), scores: 0.5);

        var day = await OfAsync(Silver, At(24, 0));

        // 12:01 to 14:59 the rows of 12:00 waited for 1 to 179 minutes; at the other looks, from 10:05 to 23:59, nothing did.
        Assert.Equal((0, 179 * 60), (day.FreshnessP50, day.FreshnessMax));
        Assert.Equal(835 - 59, Math.Round(day.WithinSla!.Value * 835));
        Assert.Equal((2, 3, 1, 9_000), (day.Runs, day.FailedAttempts, day.Recoveries, Rounded(day.RecoverySeconds)));
        Assert.Equal((0.4, 0.6), (Math.Round(day.SuccessRate!.Value, 9), Math.Round(day.ErrorRate!.Value, 9)));
        Assert.Equal(((100 * 1 + 50 * 0.5) / 150, 150), (day.Quality!.Score, day.Rows));
        Assert.Equal((120, 1.25), (Rounded(day.BusySeconds), Rounded(day.RowsPerSecond)));
        Assert.Equal((6, 40_000), (day.Cost, Math.Round(day.CostPerMillionRows!.Value)));
    }

    [Fact]
    public async Task A_source_with_nothing_new_makes_no_table_late_nor_does_putting_files_together()
    {
        await BronzeAsync(At(10, 0), rows: 10);
        await BronzeAsync(At(10, 1), rows: 10);
        await SilverAsync(At(10, 5), run: 1, bronzeVersion: 2);
        _time.SetUtcNow(At(11, 0));
        var bronze = (await _lake.TryOpenAsync(Bronze, Cancel))!;
        Assert.Equal(1, (await Compaction.RunAsync(bronze, new CompactionOptions(new DataFileOptions()), Cancel)).FilesAdded);
        Stored(Bronze, 3);

        Assert.Equal((0, 1), ((await OfAsync(Silver, At(24, 0))).FreshnessMax, (await OfAsync(Silver, At(24, 0))).WithinSla));
    }

    [Fact]
    public async Task Gold_is_as_late_as_the_Bronze_that_it_does_not_show_through_what_it_is_made_from()
    {
        await BronzeAsync(At(10, 0), rows: 10);
        await SilverAsync(At(10, 5), run: 1, bronzeVersion: 1);
        await GoldAsync(At(10, 10), run: 1, silverVersion: 1);
        await BronzeAsync(At(11, 0), rows: 10);
        await SilverAsync(At(11, 5), run: 2, bronzeVersion: 2);
        await GoldAsync(At(11, 30), run: 2, silverVersion: 2);

        Assert.Equal(29 * 60, (await OfAsync(Gold, At(24, 0))).FreshnessMax);
        Assert.Equal(4 * 60, (await OfAsync(Silver, At(24, 0))).FreshnessMax);
    }

    [Fact]
    public async Task Bronze_is_as_late_as_its_records_had_waited_to_be_committed()
    {
        await BronzeAsync(At(10, 0), rows: 30, waited: TimeSpan.FromSeconds(4));
        await BronzeAsync(At(10, 20), rows: 60, waited: TimeSpan.FromSeconds(1));

        var day = await OfAsync(Bronze, At(24, 0));

        Assert.Equal((1, 4, 90), (Rounded(day.FreshnessP50), Rounded(day.FreshnessMax), day.Rows));
        Assert.Equal((null, 120, 0.75), (day.SuccessRate, day.BusySeconds, day.RowsPerSecond));
    }

    [Fact]
    public async Task Outages_of_a_source_that_are_over_are_recoveries_of_its_Bronze_table_on_the_day_of_their_end()
    {
        await BronzeAsync(At(10, 0), rows: 30);
        ToldTable told = new(Bronze, 1, At(12, 0), 7_200, Fault: null) { Outages = [new ToldOutage(At(-5, 0), At(-1, 0)), new ToldOutage(At(-1, 0), At(1, 0)), new ToldOutage(At(11, 0), At(11, 30))] };
        await new LakeStatus(At(13, 0), [told]).WriteAsync(_lake.Store, Cancel);

        var day = await OfAsync(Bronze, At(24, 0));

        Assert.Equal((2, (2 * 3_600 + 1_800) / 2.0), (day.Recoveries, day.RecoverySeconds));
        Assert.Null(day.SuccessRate);
    }

    [Fact]
    public async Task A_day_that_is_over_is_kept_once_and_shown_when_the_logs_no_longer_tell()
    {
        await BronzeAsync(At(10, 0), rows: 100);
        await SilverAsync(At(10, 5), run: 1, bronzeVersion: 1);
        var before = await OfAsync(Silver, At(24, 0));

        _time.SetUtcNow(At(24, 5));
        Assert.Equal(0, (await KeepAsync()).Days);
        _time.SetUtcNow(At(24, 11));
        var kept = await Task.WhenAll(KeepAsync(), KeepAsync(), KeepAsync());

        Assert.Equal(1, kept.Sum(one => one.Days));
        Assert.Equal(0, (await KeepAsync()).Days);
        new DirectoryInfo(System.IO.Path.Combine(_directory.Path, "silver")).MoveTo(System.IO.Path.Combine(_directory.Path, "gone"));
        var shown = (await ComputeKpis.RunAsync(new KpiRequest(2, Sla), _lake, _time, Cancel)).Days;
        Assert.Equal(before, Assert.Single(shown, day => day.Table == Silver));
        Assert.Equal(2, shown.Count(day => day.Table == Bronze));
    }

    [Fact]
    public async Task A_table_whose_log_is_damaged_says_nothing_of_the_others()
    {
        await BronzeAsync(At(10, 0), rows: 100);
        await SilverAsync(At(10, 5), run: 1, bronzeVersion: 1);
        File.WriteAllText(LogOf(Silver, 1), "{\"commitInfo\":{");
        _time.SetUtcNow(At(25, 0));

        var found = await ComputeKpis.RunAsync(new KpiRequest(2, Sla), _lake, _time, Cancel);

        Assert.Equal(Silver, Assert.Single(found.Failed).Table);
        Assert.All(found.Days, day => Assert.Equal(Bronze, day.Table));
        var kept = await KeepAsync();
        Assert.Equal((1, 1), (kept.Days, kept.Failed.Count));
    }

    private static DateTimeOffset At(int hour, int minute) => new DateTimeOffset(Day, default, TimeSpan.Zero).AddHours(hour).AddMinutes(minute);

    /// <summary>Commits of one moment are a millisecond apart.</summary>
    private static double Rounded(double? value) => Math.Round(value!.Value, 2);

    private static TimeSpan Sla(TableId table) => TimeSpan.FromHours(2);

    /// <summary>As on another node. Who loses a race pauses, by a clock that goes.</summary>
    private Task<KeptKpis> KeepAsync() => ComputeKpis.KeepAsync(new Lake(new LocalObjectStore(_directory.Path), TimeProvider.System), Sla, _time, Cancel);

    private async Task<TableDay> OfAsync(TableId table, DateTimeOffset now)
    {
        _time.SetUtcNow(now - TimeSpan.FromTicks(1));
        return Assert.Single((await ComputeKpis.RunAsync(new KpiRequest(1, Sla), _lake, _time, Cancel)).Days, day => day.Table == table);
    }

    private Task BronzeAsync(DateTimeOffset at, int rows, TimeSpan waited = default) => CommitAsync(Bronze, at, rows, waited, pins: null, ImmutableDictionary<string, string>.Empty);

    private Task SilverAsync(DateTimeOffset at, long run, long bronzeVersion, FailedBefore? failed = null, double scores = 1)
    {
        var rows = run == 1 ? 100 : 50;
        var quality = new RunQuality(rows, 0, rows, 0, 0, 0, 0, 0, ImmutableSortedDictionary<string, long>.Empty, ImmutableSortedDictionary<string, long>.Empty, scores, scores, scores, scores, scores);
        return CommitAsync(Silver, at, rows, default, Pins(Silver, run, at, Bronze, bronzeVersion) with { FailedBefore = failed },
            ImmutableDictionary<string, string>.Empty.Add(RunQuality.Metric, quality.ToJson()).Add("cost", "3"));
    }

    private Task GoldAsync(DateTimeOffset at, long run, long silverVersion) => CommitAsync(Gold, at, 1, default, Pins(Gold, run, at, Silver, silverVersion), ImmutableDictionary<string, string>.Empty);

    private static JobPins Pins(TableId table, long run, DateTimeOffset at, TableId input, long version) =>
        new() { Table = table, Run = run, RequestedAt = at.AddMinutes(-1), Inputs = [new PinnedInput(input, null, version)], Targets = [] };

    private async Task CommitAsync(TableId id, DateTimeOffset at, int rows, TimeSpan waited, JobPins? pins, ImmutableDictionary<string, string> metrics)
    {
        _time.SetUtcNow(at);
        var schema = new Schema([new Field("id", Int64Type.Default, nullable: true), BronzeColumns.IngestedAtField], null);
        var table = await _lake.OpenOrCreateAsync(id, schema, [], ImmutableDictionary<string, string>.Empty, Cancel);
        if (table.Current.Version == 0) Stored(id, 0);
        var ids = Enumerable.Range(0, rows).Aggregate(new Int64Array.Builder(), (array, i) => array.Append(i)).Build();
        var received = Enumerable.Range(0, rows).Aggregate(new TimestampArray.Builder(BronzeColumns.Timestamp), (array, _) => array.Append(at - waited)).Build();
        using var batch = new RecordBatch(schema, [ids, received], rows);
        await using var file = await table.OpenDataFileAsync(schema, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), Cancel);
        file.Write(batch);
        var done = Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
        {
            Adds = [await file.CompleteAsync(Cancel)], Metrics = metrics,
            Parameters = pins is null ? ImmutableDictionary<string, string>.Empty : ImmutableDictionary<string, string>.Empty.Add(JobPins.Parameter, pins.ToJson()),
        }, Cancel));
        Stored(id, done.Snapshot.Version);
    }

    /// <summary>The store received a commit when the clock of the test says so.</summary>
    private void Stored(TableId id, long version) => File.SetLastWriteTimeUtc(LogOf(id, version), _time.GetUtcNow().UtcDateTime);

    private string LogOf(TableId id, long version) => System.IO.Path.Combine(_directory.Path, id.ToString(), "_delta_log", $"{version:D20}.json");
}
