using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Tables;

public sealed record DescribeTableRequest(TableId Table);

/// <param name="Type">As Arrow calls it.</param>
public sealed record DescribedColumn(string Name, string Type, bool IsNullable);

/// <param name="Columns">In their order.</param>
public sealed record DescribeTableResult(TableState State, IReadOnlyList<DescribedColumn> Columns);

/// <summary>One table as its log says it is, without its rows.</summary>
public static class DescribeTable
{
    /// <exception cref="PipelineException">There is no such table, or its log cannot be read.</exception>
    public static async Task<DescribeTableResult> RunAsync(DescribeTableRequest request, Lake lake, TimeProvider time, CancellationToken cancellationToken)
    {
        var snapshot = (await LakeInventory.OpenAsync(lake, request.Table, cancellationToken)).Current;
        return new DescribeTableResult(TableState.Of(request.Table, snapshot, time.GetUtcNow()),
            [.. snapshot.Schema.FieldsList.Select(field => new DescribedColumn(field.Name, field.DataType.Name, field.IsNullable))]);
    }
}
