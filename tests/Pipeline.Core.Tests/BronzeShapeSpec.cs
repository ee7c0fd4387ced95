using Apache.Arrow;
using Apache.Arrow.Types;

namespace Pipeline.Core.Tests;

public sealed class BronzeShapeSpec
{
    [Fact]
    public void Is_what_the_source_declares_whatever_its_columns_are_called()
    {
        var shape = BronzeShape.Of(Table(
            Of("_shard", BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split), Of("_serial", BronzeRole.Orders | BronzeRole.Number), Of("_seen", BronzeRole.Identifies),
            Of("body", BronzeRole.Document), Of("_step", BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog), Of("_filled", BronzeRole.Changed)));

        Assert.Equal(["_shard", "_seen"], shape.Identifying);
        Assert.Equal(["_position", "_shard", "_serial", "_step"], shape.Ordering);
        Assert.Equal(("_shard", "_serial"), shape.Numbering);
        Assert.Equal(("body", "_step", "_filled"), (shape.Document, shape.Sequence, shape.Changed));
        Assert.Equal(["_position", "_serial", "body"], shape.Distinct);
        Assert.Equal(["_position", "_serial", "_step"], shape.Counting);
        Assert.False(shape.ArePositionsInRange);
    }

    [Fact]
    public void Columns_of_a_source_that_declares_none_mean_nothing_whatever_they_are_called()
    {
        var shape = BronzeShape.Of(Table(Of("_partition"), Of("_offset"), Of("_timestamp"), Of("_sequence"), Of("_changed"), Of("value")));

        Assert.Empty(shape.Identifying);
        Assert.Equal(["_position"], shape.Ordering);
        Assert.Null(shape.Numbering);
        Assert.Equal((null, null, null), (shape.Document, shape.Sequence, shape.Changed));
        Assert.Equal(["_position"], shape.Distinct);
        Assert.True(shape.ArePositionsInRange);
    }

    [Fact]
    public void A_table_from_before_sources_declared_anything_has_the_shape_it_had()
    {
        var topic = BronzeShape.Of(Undeclared("_partition", "_offset", "_timestamp", "_key", "_headers", "value"));
        var changes = BronzeShape.Of(Undeclared("id", "_changed", "_sequence"));

        Assert.Equal(["_partition", "_timestamp"], topic.Identifying);
        Assert.Equal(["_position", "_partition", "_offset"], topic.Ordering);
        Assert.Equal(("_partition", "_offset"), topic.Numbering);
        Assert.Equal(("value", true), (topic.Document, topic.ArePositionsInRange));
        Assert.Equal(["_position", "_sequence"], changes.Ordering);
        Assert.Equal(("_sequence", "_changed", false), (changes.Sequence, changes.Changed, changes.ArePositionsInRange));
    }

    [Fact]
    public void Epoch_and_the_time_of_order_are_what_the_table_has_of_them()
    {
        var plain = BronzeShape.Of(Table(Of("_shard", BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split), Of("_seen", BronzeRole.Identifies | BronzeRole.RecordTime)));
        var full = BronzeShape.Of(new Schema([.. Table(Of("_seen", BronzeRole.Identifies | BronzeRole.RecordTime)).FieldsList, BronzeColumns.EpochField, BronzeColumns.ReadingField, BronzeColumns.OrderTimeField], null));

        Assert.Equal((null, null, null, "_seen"), (plain.Epoch, plain.Reading, plain.OrderTime, plain.RecordTime));
        Assert.Equal(("_epoch", "_reading", "_order_time", "_seen"), (full.Epoch, full.Reading, full.OrderTime, full.RecordTime));
        Assert.Equal("order-time", BronzeColumns.OrderTimeField.Metadata[BronzeRoles.Key]);
        Assert.True(BronzeColumns.EpochField.IsNullable && BronzeColumns.ReadingField.IsNullable && BronzeColumns.OrderTimeField.IsNullable);
        Assert.True(BronzeColumns.IsOwn("_reading"));
    }

    [Fact]
    public void A_topic_from_before_time_decided_is_put_in_order_by_its_timestamp()
    {
        var declared = BronzeShape.Of(Table(Of("_partition", BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split), Of("_timestamp", BronzeRole.Identifies)));

        Assert.Equal(("_timestamp", "_timestamp"), (declared.RecordTime, BronzeShape.Of(Undeclared("_partition", "_offset", "_timestamp", "value")).RecordTime));
        Assert.Equal(["_partition", "_timestamp"], declared.Identifying);
        Assert.Null(BronzeShape.Of(Table(Of("_timestamp"), Of("id"))).RecordTime);
    }

    [Fact]
    public void Roles_are_words_and_those_of_a_later_release_are_passed_over()
    {
        var field = Of("_step", BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog);

        Assert.Equal("orders sequence placed-in-log", field.Metadata[BronzeRoles.Key]);
        Assert.Equal(BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog, BronzeRoles.Of(field));
        Assert.Equal(BronzeRole.Orders, BronzeRoles.Of(new Field("_step", Int64Type.Default, true, new Dictionary<string, string> { [BronzeRoles.Key] = "orders dreams" })));
        Assert.Null(BronzeRoles.Of(new Field("_step", Int64Type.Default, true)));
    }

    [Theory, InlineData("step"), InlineData("_Step"), InlineData("_a b")]
    public void A_column_that_Silver_keeps_beside_a_contracts_own_has_a_name_that_no_contract_may_use(string name) =>
        Assert.Throws<ArgumentException>(() => Of(name, BronzeRole.Orders));

    private static Field Of(string name, BronzeRole roles) => Of(name).As(roles);

    private static Field Of(string name) => new(name, Int64Type.Default, nullable: true);

    private static Schema Table(params Field[] columns) => new([.. columns, BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField], null);

    private static Schema Undeclared(params string[] columns) => new([.. columns.Select(Of), Of("_op"), Of("_position"), Of("_ingested_at")], null);
}
