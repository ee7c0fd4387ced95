using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
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

        var present = table.Current.Schema.FieldsList.ToDictionary(field => field.Name, StringComparer.OrdinalIgnoreCase);
        var changes = new List<PlannedChange>();
        PlannedColumn[] added = [.. wanted.FieldsList.Where(field => !present.ContainsKey(field.Name)).Select(field => new PlannedColumn(field.Name, field.DataType))];
        if (added.Length > 0) changes.Add(new PlannedChange(id, PlannedChangeKind.AddColumns, added));
        PlannedColumn[] retyped =
        [
            .. wanted.FieldsList.Where(field => present.TryGetValue(field.Name, out var old) && !IsSame(old.DataType, field.DataType))
                .Select(field => new PlannedColumn(field.Name, field.DataType, present[field.Name].DataType)),
        ];
        if (retyped.Length > 0) changes.Add(new PlannedChange(id, PlannedChangeKind.ChangeTypes, retyped));
        return changes;
    }

    private static bool IsSame(IArrowType a, IArrowType b) => (a, b) switch
    {
        (Decimal128Type x, Decimal128Type y) => x.Precision == y.Precision && x.Scale == y.Scale,
        _ => a.Name == b.Name,
    };
}
