using Pipeline.Demo;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;

NativeHeap.GiveBack();
using var interruption = new Interruption();
return await CommandLine.RunAsync(args, NodeContext.OfProcess(interruption), new DemoVerb());
