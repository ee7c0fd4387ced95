using System.Collections.Immutable;
using System.Text.Json;
using Apache.Arrow;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>
/// One run of a Silver table: new Bronze rows and rows held in quarantine become rows of the table, its quarantine and
/// its deletes, and one quality row.
/// </summary>
/// <remarks>
/// These are commits to several tables, in a fixed order: the table first, which decides the race between two attempts
/// and carries the run's pins; then quarantine and deletes; the quality row last, which says that the run is over. A run
/// that was cut off is repeated with its own pins: a table that has its commit is skipped, the others are computed from
/// the versions before the run, so that the outcome is as if nothing had happened.
/// </remarks>
internal sealed class SilverRun(DuckDbSession session, OpenTables tables, JobCommits commits, JobSpec spec)
{
    private readonly IReadOnlyList<Field> _columns = [.. spec.Columns.Select(column => column.ToField())];
    private readonly IReadOnlyList<Field> _quarantineColumns = [.. spec.Silver!.Quarantine.Select(column => column.ToField())];

    /// <summary>Rows of the quarantine could leave it and are left for the next run.</summary>
    private bool _isBehind;

    private JobPins Pins => spec.Pins;

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var silver = await commits.OpenAsync(spec.Table, _columns, everyRun: true, cancellationToken);
        var quarantine = await commits.OpenAsync(TableId.Quarantine(spec.Table.Name), _quarantineColumns, everyRun: false, cancellationToken);
        await CheckRowsAsync(quarantine, silver.Before.Position(SilverTables.TruncatedAppId), cancellationToken);
        FailOnFailRules();

        var deletes = await tables.TryOpenAsync(SilverTables.Deleted(spec.Table), cancellationToken) is not null || HasDeletes()
            ? await commits.OpenAsync(SilverTables.Deleted(spec.Table), _columns, everyRun: false, cancellationToken)
            : null;
        var table = new KeyMerge(session, silver.Table, silver.Before, _columns, spec.Key);
        var tombstones = deletes is null ? null : new KeyMerge(session, deletes.Table, deletes.Before, _columns, spec.Key);
        var key = Sql.Names(spec.Key);
        var goodKeys = $"(SELECT {key} FROM checked WHERE _rules = '')";
        var truncate = LastTruncate();
        await FindEmptiedAsync(silver, truncate, cancellationToken);
        await table.MatchAsync($"(SELECT * FROM {goodKeys} UNION ALL SELECT * FROM emptied)", "matched", cancellationToken);
        session.Execute($"CREATE VIEW existing AS SELECT * FROM matched ANTI JOIN emptied USING ({key})");
        if (tombstones is not null) await tombstones.MatchAsync(goodKeys, "tombstones", cancellationToken);
        else session.Execute($"CREATE TEMP TABLE tombstones AS {Sql.Empty(_columns)}");
        session.Execute($"""
            CREATE TEMP TABLE latest AS SELECT * FROM ({spec.Silver!.Latest}) WHERE NOT _existing;
            CREATE VIEW upserts AS SELECT * FROM latest WHERE _op <> 'd';
            CREATE VIEW gone AS SELECT * FROM latest WHERE _op = 'd';
            CREATE VIEW removed AS SELECT {key} FROM gone UNION ALL SELECT {key} FROM emptied ANTI JOIN upserts USING ({key});
            """);

        var (snapshot, quality) = await CommitTableAsync(silver, table, truncate, cancellationToken);
        await CommitQuarantineAsync(quarantine, cancellationToken);
        if (deletes is { IsDone: false })
        {
            var files = await tombstones!.WriteAsync("tombstones", "gone", null, commits.Now, cancellationToken);
            if (files.Adds.Count > 0) await commits.CommitAsync(deletes, files, [], "MERGE", Rows(files), JobCommits.Evolved(deletes.Before, _columns), cancellationToken);
        }

        await CommitQualityAsync(quality, cancellationToken);
        return new JobResult(Pins.Table, Pins.Run, snapshot.Version, snapshot.RowCount, quality, default, _isBehind);
    }

    /// <summary>Makes <c>checked</c>: every row typed, with the rules that it breaks.</summary>
    /// <param name="truncated">The position of the last truncate of earlier runs.</param>
    private async ValueTask CheckRowsAsync(JobTarget quarantine, long? truncated, CancellationToken cancellationToken)
    {
        session.Execute($"CREATE VIEW truncated AS SELECT CAST({truncated ?? 0} AS BIGINT) AS _position WHERE {(truncated is null ? "false" : "true")}");
        await DuckDbEngine.CreateViewAsync(session, tables, spec.Inputs[0], "bronze", withOrigin: true, cancellationToken);
        foreach (var parent in spec.Inputs.Skip(1))
            await DuckDbEngine.CreateViewAsync(session, tables, parent, DuckDbEngine.ViewName(parent.Table), withOrigin: false, cancellationToken);
        var quarantined = await TableFiles.RelationAsync(session, tables.Lake.Store, quarantine.Table.Path, _quarantineColumns,
            [.. quarantine.Before.Files.Select(file => file.Path)], withOrigin: false, cancellationToken);
        var bound = Pins.HeldRowsMax is { } rowsMax ? $"_n <= {rowsMax} AND (_n = 1 OR _bytes <= {Pins.HeldBytesMax})" : "true";
        session.Execute($"""
            CREATE VIEW waiting AS SELECT * FROM ({quarantined}) WHERE _held;
            CREATE TEMP TABLE releasable AS SELECT _file AS _bronze_file, _file_row AS _bronze_row, {bound} AS _now FROM ({spec.Silver!.Releasable});
            CREATE VIEW held AS SELECT * FROM waiting SEMI JOIN (SELECT * FROM releasable WHERE _now) USING (_bronze_file, _bronze_row);
            """);
        _isBehind = session.Scalar("SELECT 1 FROM releasable WHERE NOT _now LIMIT 1") is not null;
        try
        {
            session.Execute($"CREATE TEMP TABLE checked AS {spec.Silver.Checked}");
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e) && !spec.Silver.Apart.Checks.IsEmpty)
        {
            RuleOutcomes.Find(session, spec.Silver.Apart);
            session.Execute($"CREATE TEMP TABLE checked AS {spec.Silver.Apart.Checked}");
        }
    }

    private void FailOnFailRules()
    {
        var failed = session.Rows("SELECT _failures, count(*), min(_position) FROM checked WHERE _failures <> '' GROUP BY _failures ORDER BY 2 DESC LIMIT 1");
        if (failed.Count == 0) return;
        throw new PipelineException(FaultKind.Invalid, $"Table {spec.Table}", $"{failed[0][1]} rows break rule {failed[0][0]} with severity fail, the first at position {failed[0][2]}",
            "Correct the source and the rows in Bronze, or lower the rule's severity to quarantine.");
    }

    /// <summary>Where the last truncate of this run stands; null when there is none.</summary>
    private (long Position, long Sequence)? LastTruncate() =>
        session.Rows($"SELECT _position, {Sequence} FROM checked WHERE _op = 't' ORDER BY 1 DESC, 2 DESC LIMIT 1") is [var last]
            ? (Convert.ToInt64(last[0]), Convert.ToInt64(last[1])) : null;

    private string Sequence => spec.Silver!.Sequence is { } column ? $"COALESCE({column}, 0)" : "0";

    /// <summary>Makes <c>emptied</c>: the keys of the table's rows that a truncate of this run removes.</summary>
    private async ValueTask FindEmptiedAsync(JobTarget silver, (long Position, long Sequence)? truncate, CancellationToken cancellationToken)
    {
        var rows = truncate is null ? Sql.Empty(_columns)
            : await TableFiles.RelationAsync(session, tables.Lake.Store, silver.Table.Path, _columns, [.. silver.Before.Files.Select(file => file.Path)], withOrigin: false, cancellationToken);
        session.Execute($"CREATE TEMP TABLE emptied AS SELECT {Sql.Names(spec.Key)} FROM ({rows}) AS t{(truncate is var (position, sequence) ? $" WHERE (_position, {Sequence}) < ({position}, {sequence})" : "")}");
    }

    private bool HasDeletes() => session.Scalar("SELECT 1 FROM checked WHERE _op = 'd' AND _rules = '' LIMIT 1") is not null;

    private async ValueTask<(Snapshot Snapshot, RunQuality Quality)> CommitTableAsync(JobTarget silver, KeyMerge table, (long Position, long Sequence)? truncate,
        CancellationToken cancellationToken)
    {
        if (silver.IsDone)
        {
            var (version, _, info) = await RunHistory.FindAsync(silver.Table, Pins.Run, cancellationToken)
                ?? throw new JobSupersededException($"{Pins.Id} is over and its commit is no longer in the log.");
            return (await silver.Table.AtVersionAsync(version, cancellationToken),
                JsonSerializer.Deserialize<RunQuality>(info.OperationMetrics![RunHistory.QualityMetric], Json.Options)!);
        }

        var files = await table.WriteAsync("matched", "upserts", "removed", commits.Now, cancellationToken);
        var quality = QualityMeasures.Of(session, spec, files);
        // Parents whose children have not all left the quarantine are news for the next run too.
        var read = _isBehind ? Pins.Inputs.Take(1) : Pins.Inputs;
        var moves = read.Where(input => input.After != input.Version).Select(input => new TxnMove(input.Table, input.After, input.Version));
        var truncated = silver.Before.Position(SilverTables.TruncatedAppId);
        if (truncate?.Position is { } position && position > (truncated ?? -1)) moves = moves.Append(new TxnMove(SilverTables.TruncatedAppId, truncated, position));
        var metrics = Rows(files).Add(RunHistory.QualityMetric, JsonSerializer.Serialize(quality, Json.Options));
        return (await commits.CommitAsync(silver, files, moves, "MERGE", metrics, JobCommits.Evolved(silver.Before, _columns), cancellationToken), quality);
    }

    /// <summary>Adds rows that broke a rule, removes rows whose parents have arrived. Nothing changes, nothing is committed.</summary>
    private async ValueTask CommitQuarantineAsync(JobTarget quarantine, CancellationToken cancellationToken)
    {
        if (quarantine.IsDone) return;
        session.Execute($"""
            CREATE VIEW quarantined AS
            SELECT {string.Join(", ", spec.Key.Select(name => $"_key_{name} AS {Sql.Name(name)}"))}, _rules, _held, _row, _op, _position,
              _file AS _bronze_file, _file_row AS _bronze_row,
              COALESCE(_held_version, {Pins.Inputs[0].Version}) AS _bronze_version,
              COALESCE(_held_at, make_timestamptz({Pins.RequestedAt.UtcTicks / 10 - DateTimeOffset.UnixEpoch.Ticks / 10})) AS _quarantined_at
            FROM checked WHERE _rules <> '' AND (_held_rules IS NULL OR _rules <> _held_rules);
            CREATE VIEW released AS SELECT _file AS _bronze_file, _file_row AS _bronze_row FROM checked WHERE _rules = '' AND _held_rules IS NOT NULL;
            """);
        var merge = new KeyMerge(session, quarantine.Table, quarantine.Before, _quarantineColumns, SilverTables.QuarantineKey);
        await merge.MatchAsync("(SELECT _file AS _bronze_file, _file_row AS _bronze_row FROM checked WHERE _held_rules IS NOT NULL)", "quarantine_existing", cancellationToken);
        var files = await merge.WriteAsync("quarantine_existing", "quarantined", "released", commits.Now, cancellationToken);
        if (files.Adds.Count + files.Removes.Count > 0)
            await commits.CommitAsync(quarantine, files, [], "MERGE", Rows(files), JobCommits.Evolved(quarantine.Before, _quarantineColumns), cancellationToken);
    }

    private async ValueTask CommitQualityAsync(RunQuality quality, CancellationToken cancellationToken)
    {
        var table = await tables.OpenOrCreateAsync(QualityTable.Id, QualityTable.Columns, cancellationToken);
        var last = table.Current.Position(Pins.Table);
        if (last >= Pins.Run) return;
        var adds = await ParquetCopy.WriteAsync(session, table, QualityTable.Columns, QualityTable.Row(Pins, quality), commits.Now, cancellationToken);
        await commits.CommitAsync(QualityTable.Id, table, new Transaction("WRITE", Isolation.BlindAppend)
        {
            Adds = [.. adds],
            Moves = [new TxnMove(Pins.Table, last, Pins.Run)],
            Schema = JobCommits.Evolved(table.Current, QualityTable.Columns),
        }, cancellationToken);
    }

    private static ImmutableDictionary<string, string> Rows(MergeFiles files) =>
        ImmutableDictionary<string, string>.Empty.Add("numFilesAdded", files.Adds.Count.ToString()).Add("numFilesRemoved", files.Removes.Count.ToString())
            .Add("numRowsAdded", files.RowsAdded.ToString());
}
