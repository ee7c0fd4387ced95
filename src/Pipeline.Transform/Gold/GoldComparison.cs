using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
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
    /// <param name="Changed">Rows whose key both have and whose other values differ; of floating-point numbers by more than the order of a sum does.</param>
    public sealed record Compared(long Rows, long QueryRows, long Missing, long Strange, long Changed) : GoldComparison;

    /// <summary>The table was made by another definition than today's: its next run makes it again.</summary>
    public sealed record Redefined : GoldComparison;

    /// <summary>A version that it was made from is not kept any more.</summary>
    public sealed record NotKept(TableId Input, long Version) : GoldComparison;

    /// <summary>Runs a table's query over the versions that its log names.</summary>
    /// <param name="snapshot">The version of the table that is looked at.</param>
    public static Task<GoldComparison> OfAsync(DuckDbSettings settings, Lake lake, TransformGraph graph, GoldNode node, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken) =>
        OfAsync(settings, lake, GoldDefinition.Of(graph, node), table, snapshot, cancellationToken);

    /// <inheritdoc cref="OfAsync(DuckDbSettings, Lake, TransformGraph, GoldNode, DeltaTable, Snapshot, CancellationToken)"/>
    public static async Task<GoldComparison> OfAsync(DuckDbSettings settings, Lake lake, GoldDefinition gold, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot.Position(JobPlanner.DefinitionAppId) != gold.Fingerprint) return new Redefined();
        var tables = new OpenTables(lake);
        var inputs = new List<JobInput>();
        foreach (var (input, columns) in gold.Inputs)
        {
            if (snapshot.Position(input) is not { } version) inputs.Add(new JobInput(input, columns, []));
            else if (await TryInputAsync(tables, input, version, cancellationToken) is { } kept) inputs.Add(kept);
            else return new NotKept(input, version);
        }

        using var session = DuckDbSession.Open(settings, cancellationToken);
        try
        {
            return await CompareAsync(session, lake, gold, inputs, table, snapshot, cancellationToken);
        }
        catch (DuckDBException e)
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {gold.Table}", $"its query cannot be asked again: {DataFaults.Cause(e)}", "Look at the tables that it is made of first.", e);
        }
    }

    private static async Task<Compared> CompareAsync(DuckDbSession session, Lake lake, GoldDefinition gold, IReadOnlyList<JobInput> inputs, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        session.Execute("CREATE SCHEMA silver; CREATE SCHEMA gold;");
        session.Confine(inputs.Append(new JobInput(gold.Table, [], JobFiles.Of(snapshot)))
            .SelectMany(input => input.Files.Select(file => lake.Store.LocalPath(TableFilePath.In(lake.Store, input.Table.ToString(), file.Path)))).OfType<string>(), []);
        foreach (var input in inputs)
        {
            var of = await TableFiles.RelationAsync(session, lake.Store, input.Table.ToString(), [.. input.Columns.Select(column => column.ToField())],
                [.. input.Files.Select(file => file.Path)], withOrigin: false, cancellationToken);
            session.Execute($"CREATE VIEW {SqlDialect.DuckDb.Table(input.Table)} AS {of}");
        }

        // A table keeps columns that its query returns no more.
        IReadOnlyList<Field> columnsOf = [.. snapshot.Schema.FieldsList.Where(field => gold.Columns.Any(column => column.Name == field.Name))];
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, columnsOf, [.. snapshot.Files.Select(file => file.Path)], withOrigin: false, cancellationToken);
        session.Execute($"CREATE TEMP TABLE made AS {rows}");
        try
        {
            session.Execute($"""
                CREATE TEMP TABLE queried AS SELECT {string.Join(", ", columnsOf.Select(field => $"CAST({Sql.Name(field.Name)} AS {Sql.Type(field.DataType)}) AS {Sql.Name(field.Name)}"))}
                FROM (
                {SqlDialect.DuckDb.Render(gold.Sql)}
                )
                """);
        }
        catch (DuckDBException e) when (DuckDbSession.IsOfARow(e))
        {
            throw GoldSteps.FailsOnARow(gold.Table).ToException([e.Message.Split('\n')[0].TrimEnd('.')], e);
        }

        var (made, queried) = (session.Count("SELECT count(*) FROM made"), session.Count("SELECT count(*) FROM queried"));
        return gold.Key.IsEmpty ? OfRows(session, columnsOf, made, queried) : OfKeys(session, gold.Key, columnsOf, made, queried);
    }

    /// <summary>Without a key whole rows are compared, but for numbers that the order of a sum changes.</summary>
    private static Compared OfRows(DuckDbSession session, IReadOnlyList<Field> columns, long made, long queried)
    {
        var exact = columns.Where(field => !IsInexact(field.DataType)).Select(field => field.Name).ToList();
        return exact.Count == 0 ? new Compared(made, queried, 0, 0, 0)
            : new Compared(made, queried, Without(session, "queried", "made", Sql.Names(exact), "EXCEPT ALL"), Without(session, "made", "queried", Sql.Names(exact), "EXCEPT ALL"), 0);
    }

    private static Compared OfKeys(DuckDbSession session, ImmutableArray<string> key, IReadOnlyList<Field> columns, long made, long queried)
    {
        var names = Sql.Names(columns.Select(field => field.Name).Where(key.Contains));
        var values = columns.Where(field => !key.Contains(field.Name)).Select(Differs).ToList();
        var changed = values.Count == 0 ? 0 : session.Count($"""
            SELECT count(*) FROM made AS m JOIN queried AS q ON {string.Join(" AND ", key.Select(name => $"m.{Sql.Name(name)} IS NOT DISTINCT FROM q.{Sql.Name(name)}"))}
            WHERE {string.Join(" OR ", values)}
            """);
        return new Compared(made, queried, Without(session, "queried", "made", names, "EXCEPT"), Without(session, "made", "queried", names, "EXCEPT"), changed);
    }

    private static long Without(DuckDbSession session, string one, string other, string columns, string except) =>
        session.Count($"SELECT count(*) FROM (SELECT {columns} FROM {one} {except} SELECT {columns} FROM {other})");

    private static string Differs(Field field)
    {
        var (m, q) = ($"m.{Sql.Name(field.Name)}", $"q.{Sql.Name(field.Name)}");
        if (field.DataType is not (FloatType or DoubleType)) return IsInexact(field.DataType) ? "false" : $"{m} IS DISTINCT FROM {q}";
        return $"({m} IS DISTINCT FROM {q} AND coalesce(abs({m} - {q}) > {(field.DataType is FloatType ? "1e-4" : "1e-9")} * greatest(abs({m}), abs({q})), true))";
    }

    private static bool IsInexact(IArrowType type) => type is FloatType or DoubleType || (type is NestedType nested && nested.Fields.Any(field => IsInexact(field.DataType)));

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
