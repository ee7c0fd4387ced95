using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Operations.Kpis;

/// <summary>What the logs of a lake's tables say of some days, and the figures that follow.</summary>
internal sealed class LakePast
{
    /// <summary>Logs read at the same time: hides the latency of a bucket.</summary>
    private const int TablesInFlight = 8;

    private static readonly TimeSpan Look = TimeSpan.FromMinutes(1);

    /// <summary>Of one commit to Bronze in such a span it is looked up how long its records had waited.</summary>
    private static readonly TimeSpan SampleOf = TimeSpan.FromMinutes(15);

    /// <summary>So many of them are looked at until one says so.</summary>
    private const int SampledOf = 3;

    private readonly Dictionary<TableId, TablePast> _tables;
    private readonly ILookup<TableId, ToldOutage> _outages;
    private readonly Dictionary<(TableId, long), Dictionary<TableId, long>> _shown = [];

    private LakePast(Dictionary<TableId, TablePast> tables, ILookup<TableId, ToldOutage> outages) => (_tables, _outages) = (tables, outages);

    /// <param name="from">The first moment that figures are wanted of.</param>
    /// <returns>Also the tables that cannot be read: what is left says nothing of them.</returns>
    public static async Task<(LakePast Past, IReadOnlyList<FailedTable> Failed)> ReadAsync(Lake lake, DateTimeOffset from, CancellationToken cancellationToken)
    {
        var (found, failed) = (new List<TablePast>(), new List<FailedTable>());
        await foreach (var (id, table, fault) in LakeInventory.FindAsync(lake, tables: null, cancellationToken))
        {
            // What stands beside a table (quarantine, deletes, quality) has no figures of its own.
            if (id.Name.StartsWith('_') || id.Name.Contains("__", StringComparison.Ordinal)) continue;
            if (table is null) failed.Add(fault!);
            else found.Add(new TablePast(id, table));
        }

        var read = new List<TablePast>();
        await Parallel.ForEachAsync(found, new ParallelOptions { MaxDegreeOfParallelism = TablesInFlight, CancellationToken = cancellationToken }, async (table, cancel) =>
        {
            var (_, fault) = await LakeInventory.TryAsync(table.Id, async () =>
            {
                await table.ReadAsync(from, cancel);
                return table;
            });
            lock (read)
            {
                if (fault is null) read.Add(table);
                else failed.Add(fault);
            }
        });
        return (new LakePast(read.ToDictionary(table => table.Id), await OutagesAsync(lake, cancellationToken)), failed);
    }

    /// <summary>The oldest moment that a log still tells of; null: there is none.</summary>
    public DateTimeOffset? Begins => _tables.Values.Select(table => table.CommitsIn(DateTimeOffset.MinValue, DateTimeOffset.MaxValue).Select(commit => (DateTimeOffset?)commit.At).FirstOrDefault()).Min();

    /// <summary>The figures of a day, of each table that existed.</summary>
    /// <param name="until">The end of the day, or now.</param>
    public async Task<IReadOnlyList<TableDay>> OfDayAsync(DateOnly day, DateTimeOffset until, Func<TableId, TimeSpan> slaOf, CancellationToken cancellationToken)
    {
        var from = new DateTimeOffset(day, default, TimeSpan.Zero);
        var days = new List<TableDay>();
        foreach (var table in _tables.Values.OrderBy(table => table.Id, TableId.ByName))
        {
            if (table.VersionBefore(until) is null) continue;
            days.Add(table.Id.Layer == Layer.Bronze ? await BronzeAsync(table, day, from, until, slaOf(table.Id), cancellationToken) : await MadeAsync(table, day, from, until, slaOf(table.Id), cancellationToken));
        }

        return days;
    }

    /// <summary>What nodes have said; a word of theirs that cannot be read is one that was not said.</summary>
    private static async Task<ILookup<TableId, ToldOutage>> OutagesAsync(Lake lake, CancellationToken cancellationToken)
    {
        LakeStatus? told = null;
        try
        {
            told = await LakeStatus.TryReadAsync(lake.Store, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
        {
            // `status` says so; figures are made without it.
        }

        return (told?.Tables ?? []).SelectMany(table => (table.Outages ?? []).Select(outage => (table.Table, Outage: outage))).ToLookup(over => over.Table, over => over.Outage);
    }

    private async Task<TableDay> BronzeAsync(TablePast table, DateOnly day, DateTimeOffset from, DateTimeOffset until, TimeSpan sla, CancellationToken cancellationToken)
    {
        var commits = table.CommitsIn(from, until).ToList();
        var waited = new List<double>();
        foreach (var span in commits.GroupBy(commit => commit.At.UtcTicks / SampleOf.Ticks))
        {
            // The newest that brought records: not the table's creation, nor one that put files together.
            foreach (var (version, _) in span.Reverse().Take(SampledOf))
            {
                if (await table.WaitedAsync(version, cancellationToken) is not { } seconds) continue;
                waited.Add(seconds);
                break;
            }
        }

        var before = commits.Count > 0 && table.VersionBefore(from) is { } yesterdays ? (await table.Table.AtVersionAsync(yesterdays, cancellationToken)).RowCount ?? 0 : 0;
        var after = commits.Count == 0 ? before : (await table.Table.AtVersionAsync(commits[^1].Version, cancellationToken)).RowCount ?? 0;
        var busy = commits.Select(commit => commit.At.UtcTicks / Look.Ticks).Distinct().Count() * Look.TotalSeconds;
        var over = _outages[table.Id].Where(outage => outage.EndedAt >= from && outage.EndedAt < until).Select(outage => Math.Max(0, (outage.EndedAt - outage.At).TotalSeconds)).ToList();
        return Day(table, day, waited, sla, null, commits.Count == 0 ? 0 : Math.Max(0, after - before), [], busy) with
        {
            Recoveries = over.Count, RecoverySeconds = over.Count == 0 ? null : over.Average(),
        };
    }

    private async Task<TableDay> MadeAsync(TablePast table, DateOnly day, DateTimeOffset from, DateTimeOffset until, TimeSpan sla, CancellationToken cancellationToken)
    {
        var runs = table.Runs.Where(run => run.At >= from && run.At < until).ToList();
        var ages = await AgesAsync(table, from, until, cancellationToken);
        var rows = runs.Sum(run => run.Quality?.RowsIn ?? run.RowsWritten);
        return Day(table, day, ages, sla, Quality(runs), rows, runs, runs.Sum(run => Math.Max(0, (run.At - run.Pins.RequestedAt).TotalSeconds)));
    }

    /// <summary>At each look: for how long the oldest commit to Bronze had waited that the table did not show.</summary>
    private async Task<List<double>> AgesAsync(TablePast table, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var ages = new List<double>();
        var (next, waitingSince) = (0, (DateTimeOffset?)null);
        for (var look = from; look < until; look += Look)
        {
            var isMoved = false;
            for (; next < table.Runs.Count && table.Runs[next].At <= look; next++) isMoved = true;
            if (next == 0) continue;
            if (isMoved || ages.Count == 0) waitingSince = await WaitingSinceAsync(Shown(table.Id, table.Runs[next - 1]), cancellationToken);
            ages.Add(waitingSince is { } since && since < look ? (look - since).TotalSeconds : 0);
        }

        return ages;
    }

    private async ValueTask<DateTimeOffset?> WaitingSinceAsync(Dictionary<TableId, long> shown, CancellationToken cancellationToken)
    {
        DateTimeOffset? since = null;
        foreach (var (bronze, version) in shown)
            if (_tables.TryGetValue(bronze, out var table) && await table.FirstRowsAfterAsync(version, cancellationToken) is { } at && (since is null || at < since)) since = at;
        return since;
    }

    /// <summary>Up to which version of each Bronze table a run shows it, through the runs that made what it has read.</summary>
    private Dictionary<TableId, long> Shown(TableId made, LoggedRun run)
    {
        if (_shown.TryGetValue((made, run.Version), out var known)) return known;
        var shown = new Dictionary<TableId, long>();
        foreach (var input in run.Pins.Inputs)
        {
            if (input.Table.Layer == Layer.Bronze) Show(input.Table, input.Version);
            // A Silver table that only gives parents says nothing of what this one shows: its own Bronze table does.
            else if (made.Layer == Layer.Gold && _tables.TryGetValue(input.Table, out var table) && table.Runs.LastOrDefault(maker => maker.Version <= input.Version) is { } maker)
                foreach (var (bronze, version) in Shown(input.Table, maker)) Show(bronze, version);
        }

        return _shown[(made, run.Version)] = shown;

        void Show(TableId bronze, long version) => shown[bronze] = shown.TryGetValue(bronze, out var other) ? Math.Min(other, version) : version;
    }

    private static QualityScores? Quality(List<LoggedRun> runs)
    {
        var scored = runs.Select(run => run.Quality).OfType<Transform.Jobs.RunQuality>().Where(quality => quality.RowsIn > 0).ToList();
        if (scored.Count == 0) return null;
        var rows = scored.Sum(quality => (double)quality.RowsIn);
        return new QualityScores(Mean(q => q.Completeness), Mean(q => q.Validity), Mean(q => q.Consistency), Mean(q => q.Uniqueness), Mean(q => q.Timeliness));

        double Mean(Func<Transform.Jobs.RunQuality, double> score) => scored.Sum(quality => score(quality) * quality.RowsIn) / rows;
    }

    private static TableDay Day(TablePast table, DateOnly day, List<double> seconds, TimeSpan sla, QualityScores? quality, long rows, List<LoggedRun> runs, double busySeconds)
    {
        seconds.Sort();
        var failed = runs.Where(run => run.Pins.FailedBefore is not null).ToList();
        var costs = runs.Where(run => run.Cost is not null).ToList();
        return new TableDay(day, table.Id, At(0.5), At(0.95), At(1), sla.TotalSeconds, seconds.Count == 0 ? null : (double)seconds.Count(value => value <= sla.TotalSeconds) / seconds.Count, quality, rows,
            runs.Count, failed.Sum(run => (long)run.Pins.FailedBefore!.Attempts), failed.Count,
            failed.Count == 0 ? null : failed.Average(run => Math.Max(0, (run.At - run.Pins.FailedBefore!.Since).TotalSeconds)), busySeconds, costs.Count == 0 ? null : costs.Sum(run => run.Cost));

        // The smallest value that this share of them does not exceed.
        double? At(double share) => seconds.Count == 0 ? null : seconds[Math.Max(0, (int)Math.Ceiling(share * seconds.Count) - 1)];
    }
}
