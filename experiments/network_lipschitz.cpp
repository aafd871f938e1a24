// SPDX-License-Identifier: BSD-2-Clause
// network_lipschitz: certified bounds of the Lipschitz constant of a network, from a file or
// generated; one case a layer, so a killed run resumes after the last finished layer.
#include "driver/driver.h"
#include "driver/network_file.h"
#include "lipschitz/network_apply.h"
#include "lipschitz/network_generate.h"
#include <algorithm>
#include <limits>

namespace {

using namespace lathe::driver;
using namespace lathe::lipschitz;

struct Settings {
  std::string net, generator = "tiny", weights = "random";
  std::int64_t size = 0, samples = 16;
  NetworkOptions options;
};

void declare(Options &o, Settings &s) {
  const double most = 2147483647;
  o.group("Network");
  o.file("-net", s.net, "HDF5 network file; the schema is in data/README.md");
  o.choice("-net_gen", s.generator, {"resnet18", "vgg16", "tiny"},
           "shape of a generated network, when -net is absent");
  o.choice("-net_weights", s.weights, {"random", "trained_like"},
           "weights of a generated network: normal, or with decaying singular values");
  o.integer("-net_size", s.size, "pixels", Interval::closed(0, 1024),
            "side of the generated network's input; 0: 224 (resnet18), 32 (vgg16), 8 (tiny)");
  o.exclude("-net", {"-net_gen", "-net_weights", "-net_size"});
  o.group("Bounds");
  o.real("-tolerance", s.options.tolerance, "1", Interval::above(0),
         "relative width wanted of each layer's bracket");
  o.integer("-chain_limit", s.options.chain_limit, "1", Interval::closed(0, 16384),
            "longest vector inside a run that LipSDP bounds together; 0: no LipSDP");
  o.integer("-jacobian_steps", s.options.jacobian_steps, "1", Interval::closed(0, most),
            "power steps of the lower bound at each sample; 0: no lower bound");
  o.integer("-samples", s.samples, "1", Interval::closed(0, most),
            "inputs of the lower bound: the first of /evaluation/images, else random ones");
}

const Column layer_columns[] = {
    {.name = "type", .kind = Kind::text, .long_name = "type of the layer"},
    {.name = "upper", .long_name = "certified upper bound of the layer's Lipschitz constant"},
    {.name = "lower", .long_name = "lower bound of the layer's Lipschitz constant"},
    {.name = "certificate",
     .kind = Kind::text,
     .long_name = "how far the upper bounds can be trusted"},
    {.name = "method", .kind = Kind::text, .long_name = "algorithm that gave upper"},
    {.name = "upper_with_batchnorm",
     .long_name = "upper bound with the batch-norms that joined the layer"},
    {.name = "lower_with_batchnorm",
     .long_name = "lower bound with the batch-norms that joined the layer"},
    {.name = "upper_with_identity",
     .long_name = "upper bound of identity plus layer, missing where unused"},
    {.name = "seconds",
     .units = "s",
     .long_name = "wall time of the layer's brackets",
     .is_volatile = true}};

const Column network_columns[] = {
    {.name = "upper_product", .long_name = "product of the layers' upper bounds"},
    {.name = "upper_fused", .long_name = "product with batch-norm fused and I + K as one operator"},
    {.name = "upper_lipsdp", .long_name = "bound with runs of layers taken together (LipSDP)"},
    {.name = "upper_network", .long_name = "least upper bound of the network's Lipschitz constant"},
    {.name = "lower_network", .long_name = "largest Jacobian norm found at the samples"},
    {.name = "certificate_network",
     .kind = Kind::text,
     .long_name = "how far upper can be trusted"},
    {.name = "chains", .kind = Kind::integer, .long_name = "runs that LipSDP bounded together"},
    {.name = "accuracy", .long_name = "share of the evaluation images that are classified right"}};

PetscErrorCode layer_case(const Driver &d, const Settings &s, const Network &network, std::size_t i,
                          Record *r) {
  PetscFunctionBeginUser;
  LayerBound b;
  PetscCall(LatheNetworkLayerBound(d.comm(), network, s.options, i, &b));
  r->text("type", network.layers[i].type_name);
  r->real("upper", b.plain.upper);
  r->real("lower", b.plain.lower);
  Certificate worst = std::max(b.plain.certificate, b.fused.certificate);
  if (b.has_joined)
    worst = std::max(worst, b.joined.certificate);
  r->text("certificate", name(worst));
  r->text("method", b.plain.method);
  r->real("upper_with_batchnorm", b.fused.upper);
  r->real("lower_with_batchnorm", b.fused.lower);
  if (b.has_joined)
    r->real("upper_with_identity", b.joined.upper);
  PetscFunctionReturn(PETSC_SUCCESS);
}

double value(const Record &r, const char *key) {
  const double *x = r.get<double>(key);
  return x ? *x : std::numeric_limits<double>::infinity();
}

// What layer_case stored, also when an earlier run stored it.
LayerBound stored(const Record &r) {
  LayerBound b;
  b.plain.upper = value(r, "upper");
  b.fused.upper = value(r, "upper_with_batchnorm");
  b.joined.upper = value(r, "upper_with_identity");
  b.has_joined = std::isfinite(b.joined.upper);
  const std::string *certificate = r.get<std::string>("certificate");
  Certificate kind = LATHE_CERTIFICATE_RIGOROUS;
  while (certificate && *certificate != name(kind) && kind != LATHE_CERTIFICATE_ESTIMATE)
    kind = static_cast<Certificate>(kind + 1);
  b.plain.certificate = b.fused.certificate = b.joined.certificate = kind;
  return b;
}

double accuracy(const NetworkFile &file) {
  NetworkEvaluator net(file.network);
  std::size_t right = 0;
  const auto n = static_cast<std::size_t>(net.input_size());
  for (std::size_t i = 0; i < file.labels.size(); ++i) {
    const std::vector<double> y = net.forward(file.inputs.data() + i * n);
    right += std::max_element(y.begin(), y.end()) - y.begin() == file.labels[i] ? 1U : 0U;
  }
  return static_cast<double>(right) / static_cast<double>(file.labels.size());
}

PetscErrorCode network_case(const Driver &d, const Settings &s, const NetworkFile &file,
                            const std::vector<Case> &layers, Record *r) {
  PetscFunctionBeginUser;
  NetworkBound bound;
  for (const Case &c : layers) {
    PetscCheck(c.status == CaseStatus::completed, d.comm(), PETSC_ERR_PLIB,
               "no bound of the network: layer %s has none", c.name.c_str());
    bound.layers.push_back(stored(c.record));
  }
  PetscCall(LatheNetworkCompose(d.comm(), file.network, s.options, &bound));
  PetscCall(LatheNetworkLowerBound(d.comm(), file.network, s.options, &bound.lower));
  r->real("upper_product", bound.upper_product);
  r->real("upper_fused", bound.upper_fused);
  r->real("upper_lipsdp", bound.upper_lipsdp);
  r->real("upper_network", bound.upper);
  r->real("lower_network", bound.lower);
  r->text("certificate_network", name(bound.certificate));
  r->integer("chains", bound.chains);
  if (!file.labels.empty())
    LatheGuard(d.comm(), r->real("accuracy", accuracy(file)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode read(Driver &d, Settings &s, NetworkFile *file) {
  PetscFunctionBeginUser;
  if (s.net.empty()) {
    const Weights weights = s.weights == "random" ? Weights::random : Weights::trained_like;
    LatheGuard(d.comm(), file->network = generate_network(s.generator, s.size, weights, d.seed()));
    PetscCall(d.input_fact("generator", s.generator));
  } else {
    PetscCall(d.input_file("net", s.net));
    std::string problem;
    try {
      *file = read_network_file(s.net);
    } catch (const std::exception &e) {
      problem = e.what();
    }
    LatheCheckAll(d.comm(), problem.empty(), PETSC_ERR_USER_INPUT, "-net %s", problem.c_str());
  }
  std::string problem;
  try {
    (void)layer_shapes(file->network);
  } catch (const std::exception &e) {
    problem = e.what();
  }
  const std::string source = s.net.empty() ? "" : "-net " + s.net + ": ";
  LatheCheckAll(d.comm(), problem.empty(), PETSC_ERR_USER_INPUT, "%s%s", source.c_str(),
                problem.c_str());
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode compute(Driver &d, Settings &s) {
  PetscFunctionBeginUser;
  PetscCall(d.phase("read"));
  NetworkFile file;
  PetscCall(read(d, s, &file));
  s.options.seed = d.seed();
  s.options.samples = static_cast<int>(s.samples);
  const std::size_t values = static_cast<std::size_t>(file.network.input.size() * s.samples);
  s.options.inputs.assign(file.inputs.begin(),
                          file.inputs.begin() +
                              static_cast<std::ptrdiff_t>(std::min(values, file.inputs.size())));
  PetscCall(d.phase("layers"));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < file.network.layers.size(); ++i)
    names.push_back(std::to_string(i) + " " + file.network.layers[i].name);
  std::vector<Case> cases;
  PetscCall(d.run_cases(
      "layer", names, layer_columns,
      [&](std::size_t i, Record &r) { return layer_case(d, s, file.network, i, &r); }, &cases));
  PetscCall(d.phase("network"));
  PetscCall(d.run_case("network", network_columns,
                       [&](Record &r) { return network_case(d, s, file, cases, &r); }));
  PetscFunctionReturn(PETSC_SUCCESS);
}

} // namespace

int main(int argc, char **argv) {
  Settings settings;
  const About about{
      "network_lipschitz", "Certified bounds of the Lipschitz constant of a network",
      "Delattre et al., ICML 2023; Fazlyab et al., NeurIPS 2019; Xu and Sivaranjani, NeurIPS 2024",
      "R0"};
  return run(
      argc, argv, about, [&](Options &o) { declare(o, settings); },
      [&](Driver &d) { return compute(d, settings); });
}
