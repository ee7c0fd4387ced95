using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Models;

/// <summary>A lake of its own in which one Silver table is made of rows that are put into its Bronze table, by its contract as it is configured.</summary>
public sealed class PreviewLake : IDisposable
{
    private readonly ModelLake _own;
    private readonly TransformGraph _graph;
    private readonly SilverContract _contract;
    private readonly TimeProvider _time;
    private readonly CancellationToken _cancellationToken;

    /// <param name="parents">Tables whose rows are known: references to others are not judged.</param>
    public PreviewLake(SilverContract contract, TransformGraph graph, TransformOptions options, IReadOnlyCollection<TableId> parents, TimeProvider time, CancellationToken cancellationToken)
    {
        _contract = contract with { Engine = EngineKind.Duckdb, References = [.. contract.References.Where(reference => reference.Table == contract.Table || parents.Contains(reference.Table))] };
        _graph = graph.OnDuckDb().With(_contract);
        (_time, _cancellationToken) = (time, cancellationToken);
        _own = new ModelLake(_graph, ModelLake.InProcess(options), time, cancellationToken);
    }

    public Lake Lake => _own.Lake;

    /// <summary>Takes over of a table that the contract refers to what its references look for.</summary>
    public async Task TakeParentAsync(TableId id, DeltaTable parent)
    {
        var sought = _contract.References.Where(reference => reference.Table == id).Select(reference => reference.To).ToHashSet(StringComparer.Ordinal);
        var columns = _graph.ColumnsOf(id);
        List<Field> read = [.. parent.Current.Schema.FieldsList.Where(column => sought.Contains(column.Name))];
        var rows = await TableFiles.RelationAsync(_own.Session, parent.Store, parent.Path, read, [.. parent.Current.FilesByPath.Keys], withOrigin: false, _cancellationToken);
        var selected = string.Join(", ", columns.Select(column => $"{(read.Exists(other => other.Name == column.Name) ? Sql.Name(column.Name) : "NULL")} AS {Sql.Name(column.Name)}"));
        var table = await Lake.OpenOrCreateAsync(id, new Schema(columns, null), [], ImmutableDictionary<string, string>.Empty, _cancellationToken);
        await _own.CommitAsync(table, await ParquetCopy.WriteAsync(_own.Session, table, columns, $"SELECT {selected} FROM ({rows}) AS parent", _time.GetUtcNow(), _cancellationToken), replaces: true);
    }

    /// <inheritdoc cref="ModelLake.MakeAsync"/>
    public Task MakeAsync() => _own.MakeAsync(_contract.Table);

    public void Dispose() => _own.Dispose();
}
