namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>What a publication has of a table.</summary>
/// <param name="Columns">Null: a server that publishes all.</param>
/// <param name="Filter">An SQL condition; null: all rows.</param>
/// <param name="Lineage">Another one when the table has left the publication and come back, or its list or filter has changed.</param>
internal sealed record PublishedTable(IReadOnlyList<string>? Columns, string? Filter, string Lineage)
{
    /// <summary>Whether columns that the server computes may be among <see cref="Columns"/>, and in its log.</summary>
    public bool MayHaveGenerated { get; init; }
}
