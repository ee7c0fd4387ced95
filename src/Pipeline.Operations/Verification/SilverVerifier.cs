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
    public async Task<Finding> CheckFatesAsync(SilverContract contract, DeltaTable table, CancellationToken cancellationToken)
    {
        var thing = $"{contract.Table} = {contract.From}";
        if (await lake.TryOpenAsync(QualityTable.Id, cancellationToken) is not { } qualityTable || qualityTable.Current.Position(contract.Table.ToString()) is not { } run)
            return new Finding(thing, Ok: true, "no run is complete yet");

        var silver = await AsOfRunAsync(table, run, cancellationToken);
        long quarantined = 0;
        if (await lake.TryOpenAsync(TableId.Quarantine(contract.Table.Name), cancellationToken) is { } quarantine)
            quarantined = (await AsOfRunAsync(quarantine, run, cancellationToken)).RowCount ?? 0;
        var counts = await CountsAsync(qualityTable, contract.Table, run);
        var bronze = await BronzeRowsAsync(contract.From, silver, cancellationToken);

        var fates = counts with { Silver = silver.RowCount ?? 0, Quarantined = quarantined };
        if (fates.RowsIn != bronze)
            return Broken(thing, $"Bronze holds {bronze} rows as of the last run, but the runs have read {fates.RowsIn}");
        return fates.Sum == bronze
            ? new Finding(thing, Ok: true, $"{bronze:#,0} = {fates}")
            : Broken(thing, $"{bronze} Bronze rows, but {fates} are {fates.Sum}");
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
        if (silver.Position(id.ToString()) is not { } version || await lake.TryOpenAsync(id, cancellationToken) is not { } bronze) return 0;
        return (await bronze.AtVersionAsync(version, cancellationToken)).RowCount ?? 0;
    }

    private async Task<Fates> CountsAsync(DeltaTable quality, TableId table, long run)
    {
        // A quality log of an earlier build, which knew no truncates.
        var truncated = quality.Current.Schema.FieldsLookup.Contains("truncated") ? "coalesce(truncated, 0)" : "0";
        var row = (await query.RowsAsync(quality, quality.Current,
            $"coalesce(sum(rows_in), 0), coalesce(sum(superseded + replaced), 0), coalesce(sum(deleted + {truncated}), 0)",
            $"WHERE table_name = {Sql.Text(table.ToString())} AND run <= {run.ToString(CultureInfo.InvariantCulture)}"))[0];
        return new Fates(Number(row[0]), 0, 0, Number(row[1]), Number(row[2]));
    }

    private static Finding Broken(string thing, string detail) =>
        new(thing, Ok: false, detail, "Keep the lake as it is and report this with 'pipeline history'; deleting the Silver table has it made again.");

    private static long Number(object? value) => value is BigInteger big ? (long)big : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private sealed record Fates(long RowsIn, long Silver, long Quarantined, long Superseded, long Deleted)
    {
        public long Sum => Silver + Quarantined + Superseded + Deleted;

        public override string ToString() =>
            $"{Silver:#,0} in Silver + {Quarantined:#,0} quarantined + {Superseded:#,0} superseded + {Deleted:#,0} deleted";
    }
}
