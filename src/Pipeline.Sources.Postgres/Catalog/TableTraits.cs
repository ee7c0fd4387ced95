namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>What a table is, beside its columns.</summary>
/// <param name="Kind"><c>pg_class.relkind</c>: r table, p partitioned, v view, m materialised view, f foreign table.</param>
/// <param name="Persistence"><c>pg_class.relpersistence</c>: p permanent, u unlogged, t temporary.</param>
/// <param name="ReplicaIdentity"><c>pg_class.relreplident</c>: d primary key, n nothing, f all columns, i an index.</param>
/// <param name="Identifying">The columns that a delete carries, where those are not all.</param>
internal sealed record TableTraits(char Kind, char Persistence, char ReplicaIdentity, IReadOnlyList<string> Identifying);
