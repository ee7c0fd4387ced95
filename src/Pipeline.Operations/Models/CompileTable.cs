using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Options;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Models;

namespace Pipeline.Operations.Models;

/// <param name="OnSpark">Else in process, by DuckDB.</param>
public sealed record CompileTableRequest(string Selector, bool OnSpark);

public sealed record CompileTableResult(TableId Table, string Engine, string Sql);

/// <summary>Writes the SQL that makes a Silver or Gold table.</summary>
public static class CompileTable
{
    /// <exception cref="PipelineException">There is no such table, or the engine does not run it.</exception>
    public static async Task<CompileTableResult> RunAsync(CompileTableRequest request, PipelineOptions options, Lake lake, CancellationToken cancellationToken)
    {
        if (options.Selector.Select([request.Selector]) is not [{ Layer: not Layer.Bronze } table])
            throw new PipelineException(FaultKind.Invalid, $"Selector '{request.Selector}'", "it is not one Silver or Gold table", $"Choose from: {string.Join(", ", options.Graph.Tables)}.");
        var dialect = request.OnSpark ? SqlDialect.Spark : SqlDialect.DuckDb;
        return new CompileTableResult(table, dialect.Engine, await CompiledTable.SqlAsync(options.Graph, options.Transform, lake, table, dialect, cancellationToken));
    }
}
