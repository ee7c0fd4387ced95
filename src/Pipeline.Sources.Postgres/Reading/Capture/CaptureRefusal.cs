using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Why a table cannot be captured as it is, and what would help. The check and the reading ask the same.</summary>
/// <param name="What">What of the table it is about.</param>
internal sealed record CaptureRefusal(string What, string Cause, string NextStep)
{
    /// <summary>What is found of a table; empty: it can be captured.</summary>
    /// <param name="publication">Null: it is not made yet.</param>
    public static IEnumerable<CaptureRefusal> Of(PostgresTableOptions options, PostgresTable table, TableTraits traits, PublicationState? publication)
    {
        if (traits.Kind is not ('r' or 'p'))
        {
            yield return new CaptureRefusal("kind", $"it is {(traits.Kind is 'f' ? "a foreign table" : "a view")}, and only tables are in the server's log", "Capture the tables below it.");
            yield break;
        }

        if (traits.Persistence != 'p')
            yield return new CaptureRefusal("kind", $"it is {(traits.Persistence == 'u' ? "unlogged" : "temporary")}, and its changes are not in the server's log", $"ALTER TABLE {table.QualifiedName} SET LOGGED;");
        if (publication is null or { Operations: { Updates: true } or { Deletes: true } }) foreach (var refusal in OfIdentity(options, table, traits)) yield return refusal;
        foreach (var refusal in OfNames(options, table)) yield return refusal;
    }

    /// <summary>A slot has one stream, in which each row is of one table.</summary>
    /// <param name="other">The name that the table has in the lake already.</param>
    public static CaptureRefusal Twice(string other) => new("table", $"it is captured as {other} already", $"Leave one of the two out; what shall be another table is made of {other} downstream.");

    private static IEnumerable<CaptureRefusal> OfIdentity(PostgresTableOptions options, PostgresTable table, TableTraits traits)
    {
        var full = $"ALTER TABLE {table.QualifiedName} REPLICA IDENTITY FULL;";
        if (traits.ReplicaIdentity == 'f') yield break;
        if (traits.Identifying.Count == 0)
        {
            yield return new CaptureRefusal("replica identity", $"{(traits.ReplicaIdentity == 'n' ? "nothing" : "there is no primary key")}: once it is published, the server refuses its updates and deletes", full);
            yield break;
        }

        var key = options.Key.Count > 0 ? options.Key : table.PrimaryKey;
        if (key.Except(traits.Identifying, StringComparer.Ordinal).ToList() is { Count: > 0 } absent)
            yield return new CaptureRefusal("replica identity", $"a delete carries {string.Join(", ", traits.Identifying)}, and not {string.Join(", ", absent)} of the key", full);
    }

    private static IEnumerable<CaptureRefusal> OfNames(PostgresTableOptions options, PostgresTable table)
    {
        string Help(string column) => $"Give it another name in the lake, rename {{ \"{column}\" = NAME }} below table {options.Name}, or leave it out, omit = [\"{column}\"].";
        foreach (var alike in table.Columns.GroupBy(column => column.LakeName, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1))
            yield return new CaptureRefusal($"column {alike.Last().Name}", alike.First().Name.Equals(alike.Last().Name, StringComparison.OrdinalIgnoreCase)
                ? $"only case tells it from {alike.First().Name}, which readers of the lake do not look at" : $"in the lake it has the name {alike.Last().LakeName}, as {alike.First().Name} has", Help(alike.Last().Name));
    }

    public PipelineException ToFault(PostgresSourceOptions source, string table) => new(FaultKind.Invalid, $"Source {source.Name}, table {table}", $"{What}: {Cause}", NextStep) { IsOfTable = true };
}
