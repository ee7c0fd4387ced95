namespace Pipeline.Aws.Tests;

public sealed class AwsServiceSpec
{
    /// <summary>As botocore's rules for endpoints have it.</summary>
    [Theory]
    [InlineData("eu-central-1", false, "https://elasticmapreduce.eu-central-1.amazonaws.com/")]
    [InlineData("us-east-1", true, "https://elasticmapreduce-fips.us-east-1.amazonaws.com/")]
    [InlineData("us-gov-west-1", false, "https://elasticmapreduce.us-gov-west-1.amazonaws.com/")]
    [InlineData("us-gov-west-1", true, "https://elasticmapreduce.us-gov-west-1.amazonaws.com/")]
    [InlineData("cn-north-1", false, "https://elasticmapreduce.cn-north-1.amazonaws.com.cn/")]
    [InlineData("us-iso-east-1", false, "https://elasticmapreduce.us-iso-east-1.c2s.ic.gov/")]
    [InlineData("eusc-de-east-1", false, "https://elasticmapreduce.eusc-de-east-1.amazonaws.eu/")]
    public void A_service_has_an_address_in_every_partition(string region, bool useFips, string address) =>
        Assert.Equal(address, AwsService.Emr.Address(new AwsSettings { Region = region, UseFips = useFips }).ToString());

    [Theory]
    [InlineData("us-east-1", true, "https://emr-serverless-fips.us-east-1.amazonaws.com/")]
    [InlineData("cn-north-1", false, "https://emr-serverless.cn-north-1.amazonaws.com.cn/")]
    public void So_has_EMR_Serverless(string region, bool useFips, string address) =>
        Assert.Equal(address, AwsService.EmrServerless.Address(new AwsSettings { Region = region, UseFips = useFips }).ToString());

    [Fact]
    public void An_endpoint_is_taken_as_it_is() =>
        Assert.Equal("https://vpce-1.elasticmapreduce.us-gov-west-1.vpce.amazonaws.com/",
            AwsService.Emr.Address(new AwsSettings { Region = "us-gov-west-1", Endpoint = new Uri("https://vpce-1.elasticmapreduce.us-gov-west-1.vpce.amazonaws.com") }).ToString());
}
