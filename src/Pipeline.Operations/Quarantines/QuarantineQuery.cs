using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.DuckDb;
using Pipeline.Operations.Inspection;
using Pipeline.Transform.Dialects;

namespace Pipeline.Operations.Quarantines;

/// <summary>Asks about the rows of a quarantine, beside those of its table.</summary>
internal static class QuarantineQuery
{
    /// <summary>The columns of a quarantine's key: those before the ones that are the pipeline's.</summary>
    public static IReadOnlyList<string> KeyOf(DeltaTable quarantine) => [.. quarantine.Current.Schema.FieldsList.Select(field => field.Name).TakeWhile(name => name != "_rules")];

    /// <summary>
    /// The rows as <c>q</c>, a SELECT with <c>_older</c> beside their columns: the position of the row of their key that the table has, which
    /// is of an older version; null: it has none.
    /// </summary>
    /// <param name="question">What is asked of them: columns that this does not name, and that are not of the key, are not there.</param>
    public static async Task<string> RowsAsync(Lake lake, LakeQuery query, DeltaTable quarantine, TableId table, string question, CancellationToken cancellationToken)
    {
        var key = KeyOf(quarantine);
        var rows = await query.RelationAsync(quarantine, quarantine.Current, [.. quarantine.Current.FilesByPath.Keys], $"{Sql.Names(key)}, {question}");
        if (await lake.TryOpenAsync(table, cancellationToken) is not { } made || !key.Append("_position").All(name => made.Current.Schema.FieldsLookup.Contains(name)))
            return $"SELECT *, NULL::BIGINT AS _older FROM ({rows}) AS q";
        var own = await query.RelationAsync(made, made.Current, [.. made.Current.FilesByPath.Keys], [.. key, "_position"], withOrigin: false);
        var isSame = string.Join(" AND ", key.Select(name => $"TRY_CAST(q.{Sql.Name(name)} AS {SqlDialect.DuckDb.Type(made.Current.Schema.FieldsLookup[name].First().DataType)}) = t.{Sql.Name(name)}"));
        return $"SELECT q.*, t._position AS _older FROM ({rows}) AS q LEFT JOIN ({own}) AS t ON {isSame}";
    }
}
