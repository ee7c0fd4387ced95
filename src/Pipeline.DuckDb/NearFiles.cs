using Apache.Arrow;

namespace Pipeline.DuckDb;

/// <summary>Rules out files by what is known of a column's values in them.</summary>
public static class NearFiles
{
    private const string Table = "_near";

    /// <summary>Paths of the files that may hold a value of the column that lies between the least and the greatest of a relation's.</summary>
    /// <param name="files">With texts of bounds of the column, null where none is known: no value is less, or greater.</param>
    public static IReadOnlySet<string> Find(DuckDbSession session, string relation, Field column, IEnumerable<(string Path, string? Low, string? High)> files)
    {
        session.Execute($"CREATE OR REPLACE TEMP TABLE {Table} (path VARCHAR, low VARCHAR, high VARCHAR)");
        foreach (var batch in files.Chunk(500))
            session.Execute($"INSERT INTO {Table} VALUES {string.Join(", ", batch.Select(file => $"({Sql.Text(file.Path)}, {TextOrNull(file.Low)}, {TextOrNull(file.High)})"))}");
        var (name, type) = (Sql.Name(column.Name), Sql.Type(column.DataType));
        return session.Rows($"""
            SELECT path FROM {Table}, (SELECT min({name}) AS low, max({name}) AS high FROM {relation}) AS wanted
            WHERE (wanted.low IS NOT NULL AND TRY_CAST({Table}.high AS {type}) >= wanted.low AND TRY_CAST({Table}.low AS {type}) <= wanted.high) IS NOT FALSE
            """).Select(row => (string)row[0]!).ToHashSet(StringComparer.Ordinal);
    }

    private static string TextOrNull(string? text) => text is null ? "NULL" : Sql.Text(text);
}
