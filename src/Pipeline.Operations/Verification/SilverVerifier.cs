using System.Globalization;
using System.Numerics;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Verification;

/// <summary>Whether every Bronze row has become exactly one thing: a Silver row, a quarantined, superseded or deleted one, or is not read yet.</summary>
internal sealed class SilverVerifier(Lake lake, LakeQuery query)
{
    /// <summary>
    /// Balances the table as of its last complete run. A run that was cut off has its rows counted nowhere yet; the next
    /// start of the pipeline finishes it.
    /// </summary>
    /// <param name="table">Null: no run has made it yet.</param>
    public async Task<CheckedTable> CheckFatesAsync(SilverDefinition silver, DeltaTable? table, CancellationToken cancellationToken) =>
        new(silver.Table, new TableCheck.Fates(silver.From), await FatesAsync(silver, table, cancellationToken));

    private async Task<Evidence> FatesAsync(SilverDefinition of, DeltaTable? table, CancellationToken cancellationToken)
    {
        var quality = await lake.TryOpenAsync(QualityTable.Id, cancellationToken);
        var run = quality?.Current.Position(of.Table);
        var bronze = await lake.TryOpenAsync(of.From, cancellationToken);
        if (table is null || run is null)
            return table?.Current.Position(JobPins.RunAppId) is null ? new FatesBalance(RowsOf(bronze?.Current), new RowFates(0, 0, 0, 0), Unread: RowsOf(bronze?.Current)) : new NoRunIsComplete();

        var silver = await AsOfRunAsync(table, run.Value, cancellationToken);
        long quarantined = 0;
        if (await lake.TryOpenAsync(TableId.Quarantine(of.Table.Name), cancellationToken) is { } quarantine)
            quarantined = (await AsOfRunAsync(quarantine, run.Value, cancellationToken)).RowCount ?? 0;
        var counts = await CountsAsync(quality!, of.Table, silver.Position(JobPlanner.FirstRunAppId) ?? 0, run.Value);
        var madeFrom = silver.Position(of.From);
        if (madeFrom > (bronze?.Current.Version ?? -1)) return new InputIsBehind(of.From, madeFrom.Value, bronze?.Current.Version ?? -1);
        var read = madeFrom is { } version ? RowsOf(await bronze!.AtVersionAsync(version, cancellationToken)) : 0;
        if (counts.Read != read) return new RunsReadOtherRows(read, counts.Read);

        var fates = new RowFates(silver.RowCount ?? 0, quarantined, counts.Superseded, counts.Deleted, silver.Position(RowCounts.Removed) ?? 0);
        return fates.Sum == read ? new FatesBalance(RowsOf(bronze?.Current), fates, RowsOf(bronze?.Current) - read) : new FatesDoNotBalance(read, fates);
    }

    /// <summary>Those that it has had, also the ones that were removed on purpose since: runs have read them.</summary>
    private static long RowsOf(Snapshot? bronze) => (bronze?.RowCount ?? 0) + (bronze?.Position(RowCounts.Removed) ?? 0);

    /// <summary>The table as of its last commit of a run not later than <paramref name="run"/>.</summary>
    private static async Task<Snapshot> AsOfRunAsync(DeltaTable table, long run, CancellationToken cancellationToken)
    {
        var snapshot = table.Current;
        while (snapshot.Position(JobPins.RunAppId) > run) snapshot = await table.AtVersionAsync(snapshot.Version - 1, cancellationToken);
        return snapshot;
    }

    private async Task<(long Read, long Superseded, long Deleted)> CountsAsync(DeltaTable quality, TableId table, long firstRun, long run)
    {
        // A quality log of an earlier build, which knew no truncates.
        var truncated = quality.Current.Schema.FieldsLookup.Contains("truncated") ? "coalesce(truncated, 0)" : "0";
        var row = (await query.RowsAsync(quality, quality.Current,
            $"coalesce(sum(rows_in), 0), coalesce(sum(superseded + replaced), 0), coalesce(sum(deleted + {truncated}), 0)",
            $"WHERE table_name = {Sql.Text(table.ToString())} AND run BETWEEN {firstRun.ToString(CultureInfo.InvariantCulture)} AND {run.ToString(CultureInfo.InvariantCulture)}"))[0];
        return (Number(row[0]), Number(row[1]), Number(row[2]));
    }

    private static long Number(object? value) => value is BigInteger big ? (long)big : Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
