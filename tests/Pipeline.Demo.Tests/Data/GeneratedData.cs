using System.Globalization;
using System.Text;
using Pipeline.Demo.Data;
using Pipeline.Demo.Data.Tables;
using Pipeline.Demo.Driver;

namespace Pipeline.Demo.Tests.Data;

/// <summary>Rows of the generator without any source in between.</summary>
internal static class GeneratedData
{
    public static readonly DateTimeOffset BaseTime = new(2026, 3, 1, 23, 59, 50, TimeSpan.Zero);

    public static GeneratorSettings Settings(long seed = 7, int rowsPerTick = 500) => new(seed, BaseTime, DataScale.Of(rowsPerTick));

    /// <summary>Puts ticks 0 to <paramref name="lastTick"/> into a naive Bronze; answers with what the generator expects.</summary>
    public static Expectation Fill(NaiveMedallion lake, DataGenerator data, int lastTick)
    {
        var ledger = new Ledger();
        for (var tick = 0; tick <= lastTick; tick++)
        {
            Add(DemoSources.Crm, data.Products, data.Products.Rows(tick));
            Add(DemoSources.Crm, data.Orders, data.Orders.Rows(tick));
            Add(DemoSources.Crm, data.Transactions, data.Transactions.Rows(tick));
            Add(DemoSources.App, data.Users, data.Users.Rows(tick));
            Add(DemoSources.App, data.Subscriptions, data.Subscriptions.Rows(tick));
            Add(DemoSources.App, data.Inventory, data.Inventory.Rows(tick));
            Add(DemoSources.App, data.Sessions, data.Sessions.Rows(tick));
            foreach (var topic in data.Topics) AddRecords(topic, topic.Records(tick));
        }

        var tables = ledger.Expectations;
        return new Expectation(tables, GoldModel.Expect(data, lastTick, name => tables.Single(table => table.Table == name).Silver));

        void Add<TRow>(string source, IDatabaseFeed<TRow> feed, IEnumerable<Planted<TRow>> rows)
        {
            using var bronze = lake.OpenBronze(feed.Name, [.. feed.Columns.Select(column => column.Name), "updated_at"]);
            foreach (var planted in rows)
            {
                ledger[source, feed.Name].Count(planted.Fate);
                bronze.Add(feed.Columns.Select(column => Text(column.Value(planted.Row))).Append("2026-03-01 00:00:00+00"));
            }
        }

        void AddRecords(ITopicFeed topic, IEnumerable<Planted<KafkaRecord>> records)
        {
            using var bronze = lake.OpenBronze(topic.Name, "value", "_timestamp");
            foreach (var planted in records)
            {
                ledger[DemoSources.Events, topic.Name].Count(planted.Fate);
                AddRecord(bronze, planted.Row.Value, planted.Row.Timestamp);
            }
        }
    }

    /// <summary>Adds a record to a naive Bronze table; false for a dead letter: it is no UTF-8.</summary>
    public static bool AddRecord(NaiveMedallion.Appender bronze, byte[] value, DateTimeOffset timestamp)
    {
        if (TryDecode(value) is not { } text) return false;
        bronze.Add(text, Text(timestamp));
        return true;
    }

    /// <summary>All bytes that a tick makes, in order.</summary>
    public static byte[] BytesOf(DataGenerator data, int tick)
    {
        using var bytes = new MemoryStream();
        Write(data.Products.Columns, data.Products.Rows(tick));
        Write(data.Orders.Columns, data.Orders.Rows(tick));
        Write(data.Transactions.Columns, data.Transactions.Rows(tick));
        Write(data.Users.Columns, data.Users.Rows(tick));
        Write(data.Subscriptions.Columns, data.Subscriptions.Rows(tick));
        Write(data.Inventory.Columns, data.Inventory.Rows(tick));
        Write(data.Sessions.Columns, data.Sessions.Rows(tick));
        foreach (var topic in data.Topics)
            foreach (var planted in topic.Records(tick))
            {
                bytes.WriteByte((byte)planted.Row.Partition);
                bytes.Write(planted.Row.Key);
                bytes.Write(planted.Row.Value);
                bytes.Write(BitConverter.GetBytes(planted.Row.Timestamp.UtcTicks));
            }

        return bytes.ToArray();

        void Write<TRow>(IReadOnlyList<Column<TRow>> columns, IEnumerable<Planted<TRow>> rows)
        {
            foreach (var planted in rows)
                bytes.Write(Encoding.UTF8.GetBytes(string.Join('|', columns.Select(column => Text(column.Value(planted.Row)) ?? "-")) + "\n"));
        }
    }

    public static string? Text(object? value) => value switch
    {
        null => null,
        DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff+00", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        bool flag => flag ? "true" : "false",
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => (string)value,
    };

    private static string? TryDecode(byte[] value)
    {
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(value);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
