using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Change capture from the moment its slot was made.</summary>
public sealed class CaptureContract(PostgresServer server) : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, cancellationToken);
        await database.ExecuteAsync("create table items (number bigint primary key, payload text); create sequence numbers minvalue 0", cancellationToken);
        var fixture = new CaptureFixture(server, database);
        await using var source = fixture.Open();
        await source.ListSplitsAsync(fixture.Table, cancellationToken);
        return fixture;
    }

    private sealed class CaptureFixture(PostgresServer server, TestDatabase database) : SourceFixture
    {
        public override string Table => "items";

        public override string? Secret => server.Scratch.Password;

        // By the name under which its slot was made.
        public override ISource Open() => TestDatabase.Open(database.CaptureOptions(Table) with { Name = database.Name });

        public override ISource OpenAlone() => Open();

        public override ISource OpenBroken() => TestDatabase.Open(database.CaptureOptions(Table).Secured(security => security with { Password = new Secret(server.Scratch.Password + "!") }));

        public override ISource OpenWithMissingTable() => TestDatabase.Open(database.CaptureOptions("no_such_table"));

        // A transaction a row: each may be cut after.
        public override async ValueTask AppendAsync(int count, CancellationToken cancellationToken) =>
            await database.ExecuteAsync(string.Concat(Enumerable.Repeat("begin; insert into items select nextval('numbers'), repeat('x', 40); commit;", count)), cancellationToken);

        public override long NumberOf(RecordBatch rows, int row) => ((Int64Array)rows.Column("number")).GetValue(row)!.Value;

        public override ValueTask DisposeAsync() => database.DisposeAsync();
    }
}
