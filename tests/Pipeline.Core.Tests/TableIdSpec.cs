namespace Pipeline.Core.Tests;

public sealed class TableIdSpec
{
    [Theory]
    [InlineData("bronze/crm/customer_orders")]
    [InlineData("bronze/crm/_dead_letter")]
    [InlineData("silver/users")]
    [InlineData("silver/users__quarantine")]
    [InlineData("gold/dim_date")]
    public void Is_its_directory(string text) => Assert.Equal(text, TableId.Parse(text).ToString());

    [Fact]
    public void Has_a_name_for_every_kind_of_table()
    {
        Assert.Equal(TableId.Parse("bronze/crm/orders"), TableId.Bronze("crm", "orders"));
        Assert.Equal(TableId.Parse("bronze/crm/_dead_letter"), TableId.DeadLetter("crm"));
        Assert.Equal(TableId.Parse("silver/users__quarantine"), TableId.Quarantine("users"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("users")]
    [InlineData("bronze/users")]
    [InlineData("silver/a/b")]
    [InlineData("platinum/users")]
    public void Refuses_what_is_no_table(string text) =>
        Assert.Equal($"'{text}' is not a table. Write bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE.", Assert.Throws<FormatException>(() => TableId.Parse(text)).Message);
}
