using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Change capture from the moment its slot was made.</summary>
public sealed class CaptureContract(PostgresServer server) : SourceContract
{
    private const string Create = "create table items (number bigint primary key, payload text)";

    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, cancellationToken);
        await database.ExecuteAsync("create sequence numbers minvalue 0; " + Create, cancellationToken);
        var fixture = new CaptureFixture(server, database);
        await using var source = fixture.Open();
        await source.ListSplitsAsync(fixture.Table, cancellationToken);
        return fixture;
    }

    private sealed class CaptureFixture(PostgresServer server, TestDatabase database) : SourceFixture
    {
        private string _columns = "number, payload";
        private string _values = "n, repeat('x', 40)";

        public override string Table => "items";

        public override string? Secret => server.Scratch.Password;

        // By the name under which its slot was made.
        public override ISource Open() => TestDatabase.Open(database.CaptureOptions(Table) with { Name = database.Name });

        public override ISource OpenAlone() => Open();

        /// <summary>Without snapshots, rows of the new table follow those of the one before.</summary>
        public override ISource OpenOfHistory()
        {
            var options = database.CaptureOptions(Table) with { Name = database.Name };
            return TestDatabase.Open(options with { Capture = options.Capture with { Snapshot = true } });
        }

        public override ISource OpenBroken() => TestDatabase.Open(database.CaptureOptions(Table).Secured(security => security with { Password = new Secret(server.Scratch.Password + "!") }));

        public override ISource OpenWithMissingTable() => TestDatabase.Open(database.CaptureOptions("no_such_table"));

        // A transaction a row: each may be cut after.
        public override async ValueTask AppendAsync(int count, CancellationToken cancellationToken) =>
            await database.ExecuteAsync(string.Concat(Enumerable.Repeat($"begin; insert into items ({_columns}) select {_values} from (select nextval('numbers') as n) numbered; commit;", count)), cancellationToken);

        public override ValueTask ReplaceAsync(CancellationToken cancellationToken) => database.ExecuteAsync($"drop table items; {Create}", cancellationToken);

        public override async ValueTask<bool> SwapAsync(CancellationToken cancellationToken)
        {
            await database.ExecuteAsync("create table if not exists items_other (like items including all); alter table items rename to items_between; alter table items_other rename to items; alter table items_between rename to items_other", cancellationToken);
            return true;
        }

        public override async ValueTask<bool> AddColumnAsync(string name, CancellationToken cancellationToken)
        {
            await database.ExecuteAsync($"alter table items add column {name} text", cancellationToken);
            (_columns, _values) = ($"{_columns}, {name}", $"{_values}, n::text");
            return true;
        }

        public override async ValueTask<IReadOnlyList<string>> StateAsync(CancellationToken cancellationToken) => [await database.CatalogAsync(cancellationToken)];

        public override long NumberOf(RecordBatch rows, int row) => ((Int64Array)rows.Column("number")).GetValue(row)!.Value;

        public override ValueTask DisposeAsync() => database.DisposeAsync();
    }
}
