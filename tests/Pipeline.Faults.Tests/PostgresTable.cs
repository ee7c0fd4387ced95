namespace Pipeline.Faults.Tests;

/// <summary>
/// A table that writers change. All have the columns <c>id, version, tx, amount, body, extra, changed</c>: every insert
/// and update raises the row's version by one and says which transaction did it.
/// </summary>
/// <param name="Definition">SQL that makes it.</param>
/// <param name="Relations">How many relations hold its rows: its partitions, or itself.</param>
internal sealed record PostgresTable(string Name, string Definition, int Relations = 1)
{
    private const string Columns = "version int not null, tx bigint not null, amount numeric(12,2), body text, extra jsonb, changed timestamptz not null";

    /// <summary>Bodies of this many characters: what an update leaves alone is not in its change when it is stored out of line.</summary>
    public int BodyLength { get; private init; } = 40;

    public static readonly PostgresTable Accounts = new("accounts", $"create table accounts (id bigint primary key, {Columns})");

    public static readonly PostgresTable Documents = new("documents", $"create table documents (id bigint primary key, {Columns}); alter table documents alter body set storage external")
        { BodyLength = 3_000 };

    /// <summary>Without a key of the server's own: its changes carry the whole old row.</summary>
    public static readonly PostgresTable Ledger = new("ledger", $"create table ledger (id bigint not null, {Columns}); create index on ledger (id); alter table ledger replica identity full");

    public static readonly PostgresTable Events = new("events", $"""
        create table events (id bigint primary key, {Columns}) partition by hash (id);
        create table events_0 partition of events for values with (modulus 2, remainder 0);
        create table events_1 partition of events for values with (modulus 2, remainder 1)
        """, Relations: 2);

    public static readonly IReadOnlyList<PostgresTable> All = [Accounts, Documents, Ledger, Events];
}
