using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Schemas;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;

namespace Pipeline.Operations.Planning;

public sealed record PlanTablesRequest;

public enum PlannedChangeKind
{
    /// <summary>The lake has no such table.</summary>
    Create,

    AddColumns,

    ChangeTypes,

    /// <summary>The columns stay as they are; what the log says of them changes.</summary>
    DescribeColumns,
}

/// <param name="Present">The column's type in the lake, where it is another.</param>
public sealed record PlannedColumn(string Name, IArrowType Wanted, IArrowType? Present = null);

public sealed record PlannedChange(TableId Table, PlannedChangeKind Kind, IReadOnlyList<PlannedColumn> Columns);

/// <param name="Lake">Where it is.</param>
public sealed record PlanTablesResult(string Lake, IReadOnlyList<PlannedChange> Changes);

/// <summary>What a run would create or change in the lake.</summary>
public static class PlanTables
{
    /// <exception cref="PipelineException">A source cannot describe its tables, or the lake cannot be read.</exception>
    public static async Task<PlanTablesResult> RunAsync(PlanTablesRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var changes = new List<PlannedChange>();
        await using var sources = OpenSources.Open(options.Sources, services);
        foreach (var source in sources)
        {
            foreach (var table in source.Tables)
            {
                var schema = BronzeColumns.TableSchema(await source.DescribeAsync(table.Name, cancellationToken));
                changes.AddRange(await CompareAsync(lake, TableId.Bronze(source.Name, table.Name), schema, cancellationToken));
            }
        }

        foreach (var table in options.Graph.Tables) changes.AddRange(await CompareAsync(lake, table, new Schema(options.Graph.ColumnsOf(table), null), cancellationToken));
        return new PlanTablesResult(lake.Store.Location, changes);
    }

    private static async Task<IReadOnlyList<PlannedChange>> CompareAsync(Lake lake, TableId id, Schema wanted, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(id, cancellationToken) is not { } table)
            return [new PlannedChange(id, PlannedChangeKind.Create, [.. wanted.FieldsList.Select(field => new PlannedColumn(field.Name, field.DataType))])];

        var difference = SchemaDifference.Of(table.Current.Schema, wanted);
        PlannedChange[] changes =
        [
            new(id, PlannedChangeKind.AddColumns, [.. difference.Added.Select(field => new PlannedColumn(field.Name, field.DataType))]),
            new(id, PlannedChangeKind.ChangeTypes, [.. difference.Retyped.Select(pair => new PlannedColumn(pair.Present.Name, pair.Wanted.DataType, pair.Present.DataType))]),
            new(id, PlannedChangeKind.DescribeColumns, [.. difference.Described.Select(field => new PlannedColumn(field.Name, field.DataType))]),
        ];
        return [.. changes.Where(change => change.Columns.Count > 0)];
    }
}
