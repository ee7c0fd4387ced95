namespace Pipeline.Core.Tests;

public sealed class LakeNameSpec
{
    [Theory]
    [InlineData("events")]
    [InlineData("Events-2.eu_1")]
    [InlineData("0815")]
    public void A_source_may_be_called(string name) => Assert.Null(LakeName.FaultOfSource(name, "a source"));

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("../silver")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("_dead_letter")]
    [InlineData("_delta_log")]
    [InlineData(".hidden")]
    [InlineData("a~b")]
    [InlineData("a b")]
    [InlineData("a=b")]
    [InlineData("a:b")]
    [InlineData("a\n")]
    [InlineData("größe")]
    public void A_source_may_not_be_called(string name) => Assert.Contains("is not the name of a source. Use", LakeName.FaultOfSource(name, "a source"), StringComparison.Ordinal);

    [Theory]
    [InlineData("../silver/orders")]
    [InlineData("Orders")]
    [InlineData("_quality")]
    [InlineData("1st")]
    [InlineData("a-b")]
    [InlineData("orders\n")]
    public void A_table_may_not_be_called(string name) => Assert.Contains("is not a table name. Use", LakeName.FaultOfTable(name), StringComparison.Ordinal);

    [Theory]
    [InlineData("orders__deleted")]
    [InlineData("orders__quarantine")]
    [InlineData("orders__rebuild")]
    public void No_table_is_called_as_one_that_the_pipeline_keeps_beside_another(string name)
    {
        Assert.Contains("beside 'orders'", LakeName.FaultOfTable(name), StringComparison.Ordinal);
        Assert.Null(LakeName.FaultOfTable($"{name}_ones"));
    }

    [Fact]
    public void A_name_is_as_long_as_a_file_system_takes_with_what_comes_behind_it()
    {
        var longest = new string('a', LakeName.LengthMax);

        Assert.Null(LakeName.FaultOfTable(longest));
        Assert.All([LakeName.FaultOfTable(longest + "a"), LakeName.FaultOfSource(longest + "a", "a source"), LakeName.FaultOfColumn(longest + "a")],
            fault => Assert.Contains("129 characters. Use 128 at most", fault, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("order date", "order_date")]
    [InlineData("a,b;c{d}e(f)g=h\ti\nj\rk", "a_b_c_d_e_f_g_h_i_j_k")]
    [InlineData("_op", "_op_")]
    [InlineData("_Position", "_Position_")]
    [InlineData("_file row", "_file_row_")]
    [InlineData("file_row_number", "file_row_number_")]
    [InlineData("filename", "filename")]
    [InlineData("@timestamp", "@timestamp")]
    [InlineData("head-commit", "head-commit")]
    [InlineData("größe", "größe")]
    [InlineData("Order.Date", "Order.Date")]
    public void A_column_of_a_source_has_a_name_that_readers_take(string name, string inLake)
    {
        Assert.Equal(inLake, LakeName.OfSourceColumn(name));
        Assert.Null(LakeName.FaultOfBronze(inLake));
        Assert.Equal(inLake, LakeName.OfSourceColumn(inLake));
    }

    [Theory]
    [InlineData("_op")]
    [InlineData("file_row_number")]
    [InlineData("")]
    [InlineData("a b")]
    public void A_column_that_somebody_names_has_no_such_name(string name) => Assert.NotNull(LakeName.FaultOfBronze(name));

    [Fact]
    public void A_query_may_hand_on_what_Silver_has_of_its_own()
    {
        Assert.Null(LakeName.FaultOfQueried("_position"));
        Assert.NotNull(LakeName.FaultOfQueried("_file_row"));
    }

    [Fact]
    public void Names_that_only_case_tells_apart_are_found() =>
        Assert.Equal([("ORDERS", "orders"), ("Orders", "orders")], LakeName.AlikeBut(["orders", "users", "ORDERS", "Orders"]));
}
