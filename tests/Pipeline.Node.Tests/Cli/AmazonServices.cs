using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

[assembly: AssemblyFixture(typeof(AmazonServices))]

namespace Pipeline.Node.Tests.Cli;

/// <summary>One <c>moto_server</c> for all tests: each has names of its own in it.</summary>
public sealed class AmazonServices : MotoFixture;
