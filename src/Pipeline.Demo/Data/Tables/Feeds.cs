namespace Pipeline.Demo.Data.Tables;

/// <summary>A generated source table: its rows tick by tick, each with what must become of it.</summary>
internal interface IFeed
{
    /// <summary>The table's name in the source and in the lake.</summary>
    string Name { get; }
}

/// <summary>A table of a database, read by its <c>updated_at</c>.</summary>
internal interface IDatabaseFeed<TRow> : IFeed
{
    /// <summary>All columns but <c>updated_at</c>.</summary>
    IReadOnlyList<Column<TRow>> Columns { get; }

    IReadOnlyList<string> Key { get; }

    /// <summary>The rows to insert or to bring to their next version; a pure function of the tick.</summary>
    IEnumerable<Planted<TRow>> Rows(int tick);
}

/// <summary>A Kafka topic.</summary>
internal interface ITopicFeed : IFeed
{
    int Partitions { get; }

    /// <summary>The records to produce, in this order; a pure function of the tick.</summary>
    IEnumerable<Planted<KafkaRecord>> Records(int tick);
}
