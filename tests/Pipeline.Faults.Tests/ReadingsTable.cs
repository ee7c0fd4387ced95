namespace Pipeline.Faults.Tests;

/// <summary>
/// A table that is read by its watermark beside the captured ones: a trigger keeps in it the newest version of each row of
/// accounts, stamped by the server's clock. It has no deletes, which no watermark shows.
/// </summary>
internal static class ReadingsTable
{
    private const string Definition = """
        create table readings (id bigint primary key, version int not null, tx bigint not null, changed timestamptz not null);
        create index on readings (changed);
        create function note_reading() returns trigger language plpgsql as $$
          begin
            insert into readings values (new.id, new.version, new.tx, now())
              on conflict (id) do update set version = excluded.version, tx = excluded.tx, changed = excluded.changed;
            return null;
          end $$;
        create trigger note after insert or update on accounts for each row execute function note_reading();
        """;

    public static async Task CreateAsync(PostgresScene scene, CancellationToken cancellationToken)
    {
        await scene.ExecuteAsync(Definition, cancellationToken);
        scene.More = Settings(scene);
    }

    private static (string Sources, string Tables) Settings(PostgresScene scene) => (
        $$"""
        clocked {
            {{scene.ServerSettings}}
            mode = watermark, poll-interval = 100ms, commit-lag = 50ms
            tables { readings { table = public.readings, watermark = changed, key = [id] } }
          }
        """,
        // A clock that is set back gives the newer version the older time.
        """
        readings {
              from = bronze/clocked/readings, key = [id], order-by = [version]
              columns { id { type = long }, version { type = int }, tx { type = long }, changed { type = timestamp } }
            }
        """);

    /// <summary>To be called when nobody writes: waits until Silver has what the server has, row by row, and says the difference if it never does.</summary>
    public static async Task UntilRefinedAsync(PostgresScene scene, CancellationToken cancellationToken)
    {
        var expected = (await scene.RowsAsync("select concat_ws('|', id, version, tx, (extract(epoch from changed) * 1000000)::bigint) from readings", cancellationToken)).Order(StringComparer.Ordinal).ToList();
        Assert.NotEmpty(expected);
        IReadOnlyList<string> found = [];
        while (!found.SequenceEqual(expected))
        {
            if (cancellationToken.IsCancellationRequested) Assert.Equal(expected, found);
            await Task.Delay(100, CancellationToken.None);
            var silver = LogReplay.Of(Path.Combine(scene.Lake, "silver", "readings"));
            found = [.. (await FileQuery.ColumnAsync(silver, "concat_ws('|', id, version, tx, epoch_us(changed))", CancellationToken.None)).Order(StringComparer.Ordinal)];
        }
    }
}
