using System.Collections.Immutable;
using Apache.Arrow;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Engines.DuckDb;

/// <summary>One run of a Gold table: its query over pinned inputs replaces the table, or what differs of it, in one commit.</summary>
internal sealed class GoldRun(DuckDbSession session, OpenTables tables, JobCommits commits, JobSpec spec)
{
    private readonly IReadOnlyList<Field> _columns = [.. spec.Columns.Select(column => column.ToField())];

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var gold = await commits.OpenAsync(spec.Table, _columns, everyRun: true, cancellationToken);
        if (gold.IsDone)
        {
            var done = await RunHistory.FindAsync(gold.Table, spec.Pins.Run, cancellationToken);
            return Result(done is { } run ? await gold.Table.AtVersionAsync(run.Version, cancellationToken) : gold.Table.Current);
        }

        foreach (var input in spec.Inputs)
            await DuckDbEngine.CreateViewAsync(session, tables, input, DuckDbEngine.ViewName(input.Table), withOrigin: false, cancellationToken);
        var definition = gold.Before.Position(JobPlanner.DefinitionAppId);
        // Made by another definition, its rows may not have today's key.
        var isMerge = spec.Kind == JobKind.Merge && definition == spec.Definition;
        var files = await QueryAsync(isMerge ? MergeAsync(gold, cancellationToken) : ReplaceAsync(gold, cancellationToken));
        var moves = spec.Pins.Inputs.Where(input => input.After != input.Version).Select(input => new TxnMove(input.Table, input.After, input.Version));
        if (definition != spec.Definition) moves = moves.Append(new TxnMove(JobPlanner.DefinitionAppId, definition, spec.Definition!.Value));
        var metrics = ImmutableDictionary<string, string>.Empty.Add("numRowsAdded", files.RowsAdded.ToString());
        return Result(await commits.CommitAsync(gold, files, moves, isMerge ? "MERGE" : "WRITE", metrics,
            JobCommits.Evolved(gold.Before, _columns), cancellationToken));
    }

    private JobResult Result(Snapshot snapshot) => new(spec.Pins.Table, spec.Pins.Run, snapshot.Version, snapshot.RowCount, null, default);

    private async ValueTask<MergeFiles> QueryAsync(ValueTask<MergeFiles> query)
    {
        try
        {
            return await query;
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e))
        {
            throw FailsOnARow(spec.Table, e);
        }
    }

    public static PipelineException FailsOnARow(TableId table, DuckDBException e) => new(FaultKind.Invalid, $"Table {table}", $"its query fails on a row ({e.Message.Split('\n')[0].TrimEnd('.')})",
        "Correct the row at its source, or let the query take it: TRY_CAST gives null for what cannot be converted.", e);

    private async ValueTask<MergeFiles> ReplaceAsync(JobTarget gold, CancellationToken cancellationToken)
    {
        var adds = await ParquetCopy.WriteAsync(session, gold.Table, _columns, spec.Sql!, commits.Now, cancellationToken);
        if (!spec.Key.IsEmpty)
            CheckKey($"({await TableFiles.RelationAsync(session, gold.Table.Store, gold.Table.Path, _columns, [.. adds.Select(file => file.Path)], withOrigin: false, cancellationToken)})");
        var removes = gold.Before.Files.Select(file => new RemoveFile(file.Path, commits.Now, DataChange: true, file.PartitionValues, file.Size));
        return new MergeFiles(adds, [.. removes], adds.Sum(file => file.RowCount ?? 0) - (gold.Before.RowCount ?? 0));
    }

    private async ValueTask<MergeFiles> MergeAsync(JobTarget gold, CancellationToken cancellationToken)
    {
        var merge = new KeyMerge(session, gold.Table, gold.Before, _columns, spec.Key);
        session.Execute($"CREATE TEMP TABLE result AS {spec.Sql}");
        CheckKey("result");
        // The query's rows are all that the table shall hold: a key that it does not return any more goes.
        var key = Sql.Names(spec.Key);
        var keys = await TableFiles.RelationAsync(session, gold.Table.Store, gold.Table.Path, [.. _columns.Where(column => spec.Key.Contains(column.Name))],
            [.. gold.Before.Files.Select(file => file.Path)], withOrigin: false, cancellationToken);
        session.Execute($"CREATE TEMP TABLE gone AS SELECT {key} FROM ({keys}) AS t ANTI JOIN result USING ({key})");
        await merge.MatchAsync($"(SELECT {key} FROM result UNION ALL SELECT {key} FROM gone)", "existing", cancellationToken);
        var columns = Sql.Names(_columns.Select(column => column.Name));
        // Only rows that differ are written, so unchanged files stay.
        session.Execute($"CREATE TEMP TABLE upserts AS SELECT {string.Join(", ", _columns.Select(c => $"CAST({Sql.Name(c.Name)} AS {Sql.Type(c.DataType)}) AS {Sql.Name(c.Name)}"))} FROM result EXCEPT SELECT {columns} FROM existing");
        return await merge.WriteAsync("existing", "upserts", "gone", commits.Now, cancellationToken);
    }

    /// <summary>A key names one row: anything else multiplies whatever joins it.</summary>
    private void CheckKey(string rows)
    {
        var key = spec.Key.Select(Sql.Name).ToList();
        var wrong = session.Rows($"""
            SELECT {string.Join(", ", key.Select(name => $"CAST({name} AS VARCHAR)"))}, count(*) FROM {rows} GROUP BY {string.Join(", ", key)}
            HAVING count(*) > 1 OR {string.Join(" OR ", key.Select(name => $"{name} IS NULL"))} LIMIT 1
            """);
        if (wrong.Count == 0) return;
        var (values, times) = (string.Join(", ", wrong[0][..^1].Select(value => value ?? "null")), wrong[0][^1]);
        throw new PipelineException(FaultKind.Invalid, $"Table {spec.Table}", $"its query returns key ({values}) {times} times or with a null",
            "Make the query return each key once, or add the column that tells the rows apart to key.");
    }
}
