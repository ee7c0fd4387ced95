using System.Globalization;
using System.Numerics;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Verification;

/// <summary>Whether every Bronze row has become exactly one thing: a Silver row, a quarantined, superseded or deleted one.</summary>
public sealed class SilverVerifier(Lake lake, LakeQuery query)
{
    /// <summary>
    /// Balances the table as of its last complete run. A run that was cut off has its rows counted nowhere yet; the next
    /// start of the pipeline finishes it.
    /// </summary>
    public async Task<CheckedTable> CheckFatesAsync(SilverContract contract, DeltaTable table, CancellationToken cancellationToken) =>
        new(contract.Table, new TableCheck.Fates(contract.From), await FatesAsync(contract, table, cancellationToken));

    private async Task<Evidence> FatesAsync(SilverContract contract, DeltaTable table, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(QualityTable.Id, cancellationToken) is not { } qualityTable || qualityTable.Current.Position(contract.Table) is not { } run)
            return new NoRunIsComplete();

        var silver = await AsOfRunAsync(table, run, cancellationToken);
        long quarantined = 0;
        if (await lake.TryOpenAsync(TableId.Quarantine(contract.Table.Name), cancellationToken) is { } quarantine)
            quarantined = (await AsOfRunAsync(quarantine, run, cancellationToken)).RowCount ?? 0;
        var counts = await CountsAsync(qualityTable, contract.Table, run);
        var bronze = await BronzeRowsAsync(contract.From, silver, cancellationToken);
        if (counts.Read != bronze) return new RunsReadOtherRows(bronze, counts.Read);

        var fates = new RowFates(silver.RowCount ?? 0, quarantined, counts.Superseded, counts.Deleted);
        return fates.Sum == bronze ? new FatesBalance(bronze, fates) : new FatesDoNotBalance(bronze, fates);
    }

    /// <summary>The table as of its last commit of a run not later than <paramref name="run"/>.</summary>
    private static async Task<Snapshot> AsOfRunAsync(DeltaTable table, long run, CancellationToken cancellationToken)
    {
        var snapshot = table.Current;
        while (snapshot.Position(JobPins.RunAppId) > run) snapshot = await table.AtVersionAsync(snapshot.Version - 1, cancellationToken);
        return snapshot;
    }

    private async Task<long> BronzeRowsAsync(TableId id, Snapshot silver, CancellationToken cancellationToken)
    {
        if (silver.Position(id) is not { } version || await lake.TryOpenAsync(id, cancellationToken) is not { } bronze) return 0;
        return (await bronze.AtVersionAsync(version, cancellationToken)).RowCount ?? 0;
    }

    private async Task<(long Read, long Superseded, long Deleted)> CountsAsync(DeltaTable quality, TableId table, long run)
    {
        // A quality log of an earlier build, which knew no truncates.
        var truncated = quality.Current.Schema.FieldsLookup.Contains("truncated") ? "coalesce(truncated, 0)" : "0";
        var row = (await query.RowsAsync(quality, quality.Current,
            $"coalesce(sum(rows_in), 0), coalesce(sum(superseded + replaced), 0), coalesce(sum(deleted + {truncated}), 0)",
            $"WHERE table_name = {Sql.Text(table.ToString())} AND run <= {run.ToString(CultureInfo.InvariantCulture)}"))[0];
        return (Number(row[0]), Number(row[1]), Number(row[2]));
    }

    private static long Number(object? value) => value is BigInteger big ? (long)big : Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
