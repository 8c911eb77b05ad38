"""Write with ROOT what a differ must name: ``first.root``, the same ``later.root``, and ``other.root``.

    python make.py

In ``other.root`` each object and each branch differs in one place, the branches in entry 17. ROOT writes a file's name
into it, so all are written under one name.
"""

import os
import time

CODE = r"""
struct Leaves { float x; int m; unsigned char q; };

void objects(bool other) {
  TH1F labels("labels", "", 3, 0, 3);
  labels.Fill("alpha", 1);
  labels.Fill(other ? "gamma" : "beta", 1);
  labels.Write();
  TH2D map("map", "", 3, 0, 3, 4, 0, 4);
  map.SetBinContent(2, 3, other ? 9 : 1);
  map.SetEntries(1);
  map.Write();
  TGraphErrors graph(3);
  for (int k = 0; k < 3; k++) graph.SetPoint(k, k, other && k == 1 ? 5 : k * k);
  graph.Write("graph");
  TNamed named("named", other ? "B" : "A");
  named.Write();
  TParameter<double> number("number", other ? 2.5 : 1.5);
  number.Write();
  TVectorD vector(3);
  vector(1) = other ? 4 : 1;
  vector.Write("vector");
  TList list;
  list.Add(new TNamed("one", "A"));
  list.Add(new TNamed("two", other ? "B" : "A"));
  list.Write("list", TObject::kSingleKey);
  TEfficiency efficiency("efficiency", "", 3, 0, 3);
  efficiency.Fill(true, 1.5);
  efficiency.Fill(other, 2.5);
  efficiency.Write();
}

void make(const char* path, bool other) {
  TFile file(path, "recreate", "", 109);
  TTree tree("Events", "");
  tree.SetAutoFlush(10);
  float number, pixels[5], fixed[3][2];
  ULong64_t large;
  char text[20];
  int n;
  Leaves leaves;
  std::string word;
  std::vector<float> numbers;
  std::vector<std::string> words;
  std::map<std::string, int> map;
  auto* whole = new TLorentzVector;
  auto* many = new TClonesArray("TLorentzVector", 3);
  auto* split = new TNamed;
  tree.Branch("number", &number);
  tree.Branch("large", &large, "large/l");
  tree.Branch("text", text, "text/C");
  tree.Branch("n", &n);
  tree.Branch("pixels", pixels, "pixels[n]/F");
  tree.Branch("fixed", fixed, "fixed[3][2]/F");
  tree.Branch("leaves", &leaves, "x/F:m/I:q/b");
  tree.Branch("word", &word);
  tree.Branch("numbers", &numbers);
  tree.Branch("words", &words);
  tree.Branch("map", &map);
  tree.Branch("whole", &whole, 32000, 0);
  tree.Branch("many", &many);
  tree.Branch("split.", &split);
  for (int i = 0; i < 30; i++) {
    int by = other && i == 17;
    number = i + by;
    large = 9223372036854775808ULL + i + by;
    snprintf(text, 20, by ? "other" : "t%d", i);
    n = i % 5 + 1;
    for (int k = 0; k < 5; k++) pixels[k] = i + k;
    pixels[2] += by;
    for (int k = 0; k < 6; k++) fixed[k / 2][k % 2] = i * k;
    fixed[2][1] += by;
    leaves = {float(i), i + by, (unsigned char)i};
    word = by ? "other" : "w" + std::to_string(i);
    numbers = std::vector<float>(i % 3 + 1, i);
    numbers.back() += by;
    words = std::vector<std::string>(i % 3 + 1, by ? "other" : "v");
    map["a"] = i;
    map["b"] = i + by;
    whole->SetPxPyPzE(i, 1, 2, 3 + by);
    many->Clear();
    for (int k = 0; k <= i % 3; k++) new ((*many)[k]) TLorentzVector(i, k, 2, 3 + by);
    split->SetTitle(by ? "other" : "title");
    tree.Fill();
  }
  tree.GetUserInfo()->Add(new TNamed("info", other ? "B" : "A"));
  tree.SetAlias("twice", other ? "number * 3" : "number * 2");
  tree.Write();
  objects(other);
  file.Close();
}
"""

if __name__ == "__main__":
    import ROOT  # here, as the tests' own environment does not have it

    ROOT.gInterpreter.Declare(CODE)
    for name in ("first.root", "later.root", "other.root"):
        ROOT.make("made.root", name == "other.root")
        os.rename("made.root", name)
        time.sleep(1.1)  # ROOT's dates are whole seconds
