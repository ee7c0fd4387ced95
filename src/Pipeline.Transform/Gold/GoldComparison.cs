using Apache.Arrow;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Table;
using Pipeline.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Gold;

/// <summary>How a Gold table compares with its query over the versions of its inputs that it was made from.</summary>
public abstract record GoldComparison
{
    private GoldComparison()
    {
    }

    /// <summary>Both were read.</summary>
    /// <param name="Rows">Of the table.</param>
    /// <param name="QueryRows">Of the query.</param>
    /// <param name="Missing">Keys that the query returns and the table does not hold; without a key 0.</param>
    /// <param name="Strange">The other way round.</param>
    public sealed record Compared(long Rows, long QueryRows, long Missing, long Strange) : GoldComparison;

    /// <summary>The table was made by another definition than today's: its next run makes it again.</summary>
    public sealed record Redefined : GoldComparison;

    /// <summary>A version that it was made from is not kept any more.</summary>
    public sealed record NotKept(TableId Input, long Version) : GoldComparison;

    /// <summary>Runs a table's query over the versions that its log names.</summary>
    /// <param name="snapshot">The version of the table that is looked at.</param>
    public static async Task<GoldComparison> OfAsync(DuckDbSettings settings, Lake lake, TransformGraph graph, GoldNode node, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot.Position(JobPlanner.DefinitionAppId) != JobPlanner.Fingerprint(node.Gold)) return new Redefined();
        var tables = new OpenTables(lake);
        var inputs = new List<JobInput>();
        foreach (var input in node.Inputs)
        {
            if (snapshot.Position(input.ToString()) is not { } version) inputs.Add(new JobInput(input, JobColumn.Of(graph.ColumnsOf(input)), []));
            else if (await TryInputAsync(tables, input, version, cancellationToken) is { } kept) inputs.Add(kept);
            else return new NotKept(input, version);
        }

        using var session = DuckDbSession.Open(settings, cancellationToken);
        session.Execute("CREATE SCHEMA silver; CREATE SCHEMA gold;");
        session.Confine(inputs.Append(new JobInput(node.Table, [], JobFiles.Of(snapshot)))
            .SelectMany(input => input.Files.Select(file => lake.Store.LocalPath(TableFilePath.In(lake.Store, input.Table.ToString(), file.Path)))).OfType<string>(), []);
        foreach (var input in inputs)
        {
            var of = await TableFiles.RelationAsync(session, lake.Store, input.Table.ToString(), [.. input.Columns.Select(column => column.ToField())],
                [.. input.Files.Select(file => file.Path)], withOrigin: false, cancellationToken);
            session.Execute($"CREATE VIEW {SqlDialect.DuckDb.Table(input.Table)} AS {of}");
        }

        // Keys alone: values of sums depend on the order in which they were added up.
        IReadOnlyList<Field> key = [.. snapshot.Schema.FieldsList.Where(field => node.Gold.Key.Contains(field.Name))];
        var selected = key.Count == 0 ? "1" : string.Join(", ", key.Select(field => $"CAST({Sql.Name(field.Name)} AS {Sql.Type(field.DataType)}) AS {Sql.Name(field.Name)}"));
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, key.Count == 0 ? [snapshot.Schema.FieldsList[0]] : key, [.. snapshot.Files.Select(file => file.Path)],
            withOrigin: false, cancellationToken);
        session.Execute($"CREATE TEMP TABLE made AS {rows}");
        try
        {
            session.Execute($"CREATE TEMP TABLE queried AS SELECT {selected} FROM (\n{SqlDialect.DuckDb.Render(node.Gold.Sql)}\n)");
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e))
        {
            throw GoldSteps.FailsOnARow(node.Table).ToException([e.Message.Split('\n')[0].TrimEnd('.')], e);
        }

        var (made, queried) = (session.Count("SELECT count(*) FROM made"), session.Count("SELECT count(*) FROM queried"));
        if (key.Count == 0) return new Compared(made, queried, 0, 0);
        return new Compared(made, queried, session.Count("SELECT count(*) FROM (SELECT * FROM queried EXCEPT SELECT * FROM made)"),
            session.Count("SELECT count(*) FROM (SELECT * FROM made EXCEPT SELECT * FROM queried)"));
    }

    /// <summary>Null: the version or one of its files is gone.</summary>
    private static async ValueTask<JobInput?> TryInputAsync(OpenTables tables, TableId id, long version, CancellationToken cancellationToken)
    {
        if (await tables.TryOpenAsync(id, cancellationToken) is not { } table) return null;
        Snapshot snapshot;
        try
        {
            snapshot = await table.AtVersionAsync(version, cancellationToken);
        }
        catch (PipelineException gone) when (gone.Kind is FaultKind.Missing or FaultKind.Damaged)
        {
            return null;
        }

        foreach (var file in snapshot.Files.Where(file => !table.Current.FilesByPath.ContainsKey(file.Path)))
            if (await table.Store.TryStatAsync($"{table.Path}/{file.Path}", cancellationToken) is null) return null;
        return new JobInput(id, JobColumn.Of(snapshot.Schema.FieldsList), JobFiles.Of(snapshot));
    }
}
